"""Many connections at once: what an idle one costs in memory, and what a stream is delayed."""
import json
import statistics
import subprocess
import threading
import time

import load_rows
import stage as stages
from table import Goal, row, single

IDLE_CONNECTIONS = 10_000
STREAMS = 2_000
STREAM_INTERVAL_MS, STREAM_EVENTS = 200, 30
ROUNDS_MAX = 3
POLL_SECONDS = 0.05


def idle(stage, asked):
    """Resident memory over that of a gateway that is warm, through connections that were used."""
    cells = {}
    for who in ("ours", "nginx"):
        stage.need(who)
        request = stage.request(who, "api")
        load_rows.one_sample(stage, load_rows.SCENES["governed"], who, 1, request)
        stage.rest()
        before = stages.resident_bytes(stage.pid(who))
        holder = subprocess.Popen(
            [stage.build / "bench-idle", str(stage.port(who)), str(IDLE_CONNECTIONS), request],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: stages.prepare_child(stages.LOAD_CORE))
        said = holder.stdout.readline()
        if said != "ready\n":
            raise SystemExit(f"{who} did not hold {IDLE_CONNECTIONS} connections")
        stage.rest()
        grown = stages.resident_bytes(stage.pid(who)) - before
        holder.communicate("", timeout=60)
        cells[who] = grown / IDLE_CONNECTIONS / 1024
        asked.samples.append({"row": "idle", "name": who, "before_bytes": before,
                              "grown_bytes": grown})
    return [single("idle", f"KB a connection, {IDLE_CONNECTIONS} of them", 2, Goal("ours <= 20"),
                   "nginx sets its own aside at the start", **cells)]


def streams(stage, asked):
    """Paced streams, all at once; in turns, as load_rows does. The upstream's own delay is that of
    "direct"."""
    names = ["nginx", "haproxy", "ours", "direct"]
    stage.pace = (STREAM_INTERVAL_MS, STREAM_EVENTS)
    for who in names:
        stage.need(who)
    by_round = [{} for _ in range(min(asked.rounds, ROUNDS_MAX))]
    for number, measured in enumerate(by_round):
        turn = number % len(names)
        for who in names[turn:] + names[:turn]:
            measured[who] = load_rows.least_disturbed(lambda: stream_sample(stage, who))
            asked.samples.append({"row": "streams", "round": number, "name": who, **measured[who]})

    def added(key):
        return lambda measured, who: (measured[who][key] - measured["direct"][key]) / 1000
    note = "; ".join(load_rows.disturbed(by_round))
    at_once = min(measured["ours"]["at_once"] for measured in by_round)
    rate = STREAMS * 1000 / STREAM_INTERVAL_MS
    what = f"{STREAMS} streams, ms added to a chunk"
    return [
        row("streams-p50", what, by_round, added("p50_us"), 3, note=note),
        row("streams-p99", what, by_round, added("p99_us"), 3, Goal("ours <= 1"),
            f"{at_once} at once, {rate:.0f} chunks/s; direct p99 "
            f"{statistics.median(m['direct']['p99_us'] for m in by_round) / 1000:.2f} ms"),
        row("streams-memory", "KB a stream, at most", by_round,
            lambda measured, who: measured[who]["grown_bytes"] / STREAMS / 1024, 1),
    ]


def stream_sample(stage, who):
    request = stage.request(who, "stream")
    stage.rest()
    pid = stage.pid(who)
    before = stages.resident_bytes(pid)
    began, foreign = time.monotonic(), stage.foreign_seconds()
    client = subprocess.Popen(
        [stage.build / "bench-streams", str(stage.port(who)), str(STREAMS),
         str(STREAM_EVENTS), request], stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: stages.prepare_child(stages.LOAD_CORE))
    ended = threading.Event()
    peaks = []

    def watch():
        while not ended.wait(POLL_SECONDS):
            peaks.append(stages.resident_bytes(pid))
    watcher = threading.Thread(target=watch)
    watcher.start()
    said, _ = client.communicate(timeout=120)
    ended.set()
    watcher.join()
    sample = json.loads(said)
    if client.returncode or sample["bad"]:
        raise SystemExit(f"{who}: {sample['bad']} of {sample['streams']} streams were not whole")
    foreign = (stage.foreign_seconds() - foreign) / (time.monotonic() - began)
    return sample | {"foreign": round(max(0.0, foreign), 3),
                     "grown_bytes": max([before, *peaks]) - before}
