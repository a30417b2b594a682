"""Rows of a closed loop of requests: alternated rounds, in each of which every contender is
measured once, in turning order."""
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time

import stage as stages
from messages import PRICE
from table import Goal, row

WARMUP_MS = 500
FOREIGN_MAX = 0.08  # of a core, taken by something else: the sample is repeated
REPEATS_MAX = 2
SYNCS = 60          # of the disk, for the note of the strict rows
LOAD_FULL = 0.97    # of its core; then more requests could not have been sent
PEERS = ("nginx", "haproxy")
CHAT_PEERS = (*PEERS, "portkey")
MCP_PEERS = ("mcp-proxy", "supergateway")


@dataclasses.dataclass(frozen=True)
class Scene:
    connections: int
    kind: str = "api"         # of request
    ours: str = "ours"        # which of our processes stands for SatGate
    tls: bool = False
    one_core: bool = False    # proxy, load and upstream share a core: no wake-ups across cores
    peers: tuple = PEERS      # who else is measured
    goals: dict = dataclasses.field(default_factory=dict)  # by the suffix of the row


SCENES = {
    "governed": Scene(64, goals={"": Goal("ratio >= 1.0", "of_haproxy > 1.0", aim="1.25x")}),
    "governed-256": Scene(256, goals={"": Goal("ratio >= 1.0", "of_haproxy > 1.0", aim="1.25x")}),
    "strict": Scene(256, ours="ours-strict", goals={"": Goal("ratio >= 1.0", aim="1.2x")}),
    "strict-64": Scene(64, ours="ours-strict", goals={"": Goal("ratio >= 0.75")}),
    "one-connection": Scene(1, one_core=True, goals={"-p50": Goal("ratio <= 0.9"),
                                                     "-p99": Goal("ratio <= 1.5")}),
    "tls": Scene(64, ours="ours-tls", tls=True,
                 goals={"-cpu": Goal("ratio <= 1.0", aim="0.85x")}),
    "mcp": Scene(64, kind="mcp", goals={"": Goal("ratio >= 0.6")}),
    "mcp-list": Scene(16, kind="list", ours="ours-servers"),
    "mcp-list-one": Scene(16, kind="list-one", ours="ours-servers"),
    "mcp-peers": Scene(8, kind="session", ours="ours-stdio", peers=MCP_PEERS),
    "chat": Scene(64, kind="chat", peers=CHAT_PEERS),
    "chat-stream": Scene(64, kind="stream", peers=CHAT_PEERS),
}


def rows(stage, name, asked):
    scene, said = SCENES[name], []
    absent = [who for who in scene.peers if who in stages.PACKAGED and not stages.is_installed(who)]
    if absent:
        scene = dataclasses.replace(
            scene, peers=tuple(who for who in scene.peers if who not in absent))
        said += [f"without {who}, which is not installed" for who in absent]
    mine = play(stage, name, scene, asked.rounds, asked.seconds)
    asked.samples += mine
    by_round = {}
    for sample in mine:
        by_round.setdefault(sample["round"], {})[sample["name"]] = sample
    if scene.ours == "ours-strict":
        said.append(disk_note(stage.scratch))
    return figures(name, scene, list(by_round.values()), said)


def disk_note(folder):
    """Under strict durability each call waits for the disk twice, whatever the gateway does."""
    path, block, took = folder / "sync-probe", b"x" * 20_000, []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.posix_fallocate(descriptor, 0, SYNCS * len(block))
    os.fsync(descriptor)
    for _ in range(SYNCS):
        os.write(descriptor, block)
        start = time.perf_counter()
        os.fdatasync(descriptor)
        took.append(time.perf_counter() - start)
    os.close(descriptor)
    path.unlink()
    return f"a sync of this disk takes {statistics.median(took) * 1e3:.1f} ms; a call waits for two"


def figures(name, scene, rounds, said):
    def value(key):
        return lambda measured, who: measured[who][key]

    def added(key):
        return lambda measured, who: measured[who][key] - measured["direct"][key]
    what = f"{scene.connections} connection" + "s" * (scene.connections > 1)
    columns = [("-cpu", "proxy CPU a request, us", value("proxy_cpu_us"), 2)]
    if scene.kind != "session":  # what ended with its session has left no count
        columns.append(("-cpu-all", "and what it does behind, us", value("all_cpu_us"), 2))
    if scene.one_core:
        columns[:0] = [("-p50", f"{what}, us added", added("p50_us"), 1),
                       ("-p99", f"{what}, us added", added("p99_us"), 1)]
    else:
        counted = "streams/s" if scene.kind == "stream" else "req/s"
        columns[:0] = [("", f"{what}, {counted}", value("rps"), 0),
                       ("-p50", f"{what}, us", value("p50_us"), 0),
                       ("-p99", f"{what}, us", value("p99_us"), 0)]
    note = "; ".join(said + notes(rounds, scene))
    return [row(name + suffix, text, rounds, get, digits, scene.goals.get(suffix),
                note if number == 0 else "")
            for number, (suffix, text, get, digits) in enumerate(columns)]


def notes(rounds, scene):
    """What a reader must know to believe a figure, or not to."""
    if scene.one_core:
        return disturbed(rounds)
    said = []
    full = [name for name in ("ours", *scene.peers)
            if median_of(rounds, name, "load_util") >= LOAD_FULL]
    if "ours" in full:
        said.append("load core full: at least this ratio")
    if "nginx" in full:
        said.append("load core full under nginx: at most this ratio")
    said += disturbed(rounds)
    for name in ("ours", *scene.peers):
        if not all(measured[name]["came_to_rest"] for measured in rounds):
            said.append(f"{name} did not come to rest")
    return said


def disturbed(rounds):
    worst = {name: max(measured[name]["foreign"] for measured in rounds) for name in rounds[0]}
    return [f"{name}: {share:.0%} foreign CPU" for name, share in worst.items()
            if share > FOREIGN_MAX]


def median_of(rounds, name, key):
    values = sorted(measured[name][key] for measured in rounds)
    return values[len(values) // 2]


def play(stage, name, scene, rounds, seconds):
    """All samples, each what bench-load says and whose it is."""
    names = [*scene.peers, scene.ours] + (["direct"] if scene.one_core else [])
    core = stages.LOAD_CORE if scene.one_core else stages.PROXY_CORE
    for who in names:
        stage.need(who)
        if who != "direct":
            stages.pin(stage.pid(who), core)
    samples = []
    for number in range(rounds):
        turn = number % len(names)
        for who in names[turn:] + names[:turn]:
            sample = least_disturbed(lambda: checked_sample(stage, scene, who, seconds))
            shown = "ours" if who == scene.ours else who
            samples.append({"row": name, "round": number, "name": shown, **sample})
            report_progress(samples[-1])
    agree_on_tls(samples)
    for who in names:
        if stages.stray_threads(stage.pid(who), stages.LOAD_CORE if who == "direct" else core):
            raise SystemExit(f"{who} has threads that are not bound to its core")
    return samples


def agree_on_tls(samples):
    spoken = {sample["tls"] for sample in samples}
    if len(spoken) > 1:
        raise SystemExit(f"these are not compared under the same TLS: {', '.join(spoken)}")


def least_disturbed(take):
    """Of up to three samples the one that the rest of the machine disturbed least."""
    tries = []
    for _ in range(1 + REPEATS_MAX):
        tries.append(take())
        if tries[-1]["foreign"] <= FOREIGN_MAX:
            break
    return min(tries, key=lambda sample: sample["foreign"])


def checked_sample(stage, scene, name, seconds):
    """Every answer was good, and ours has metered each of them: the figures are those of the work
    that is asked about."""
    ours = name == scene.ours
    request = stage.request(name, scene.kind)
    rested = stage.rest()
    before = stage.counted(name) if ours else None
    cpu_before = stages.cpu_seconds(stage.pid(name))
    sample = one_sample(stage, scene, name, seconds, request)
    rested = stage.rest() and rested
    cpu = stages.cpu_seconds(stage.pid(name)) - cpu_before
    if sample["bad"] or sample["unanswered"]:
        raise SystemExit(f"{name}: {sample['bad']} answers of {sample['answered']} were not good, "
                         f"{sample['unanswered']} did not come")
    if ours:
        after = stage.counted(name)
        check_metered({key: after[key] - before[key] for key in after}, scene, sample["answered"])
    return sample | {"all_cpu_us": round(cpu * 1e6 / sample["answered"], 3),
                     "came_to_rest": rested}


def check_metered(counted, scene, answered):
    price = PRICE[scene.kind]
    calls = answered if price else 0  # a list is free, and no call
    if counted["allowed"] != calls or counted["refused"]:
        raise SystemExit(f"of {answered} answered calls the gateway counted {counted}")
    if abs(counted["spent"] - answered * price) > price / 2:
        raise SystemExit(f"{answered} calls at {price} credits cost {counted['spent']}")


def one_sample(stage, scene, name, seconds, request):
    proxy = 0 if name == "direct" else stage.pid(name)
    command = [stage.build / "bench-load", stage.port(name, scene.tls), scene.connections,
               WARMUP_MS, int(seconds * 1000), request, proxy, stage.pid("direct"),
               *(["tls"] if scene.tls else [])]
    done = subprocess.run(
        [str(part) for part in command], text=True, timeout=60 + 2 * seconds, capture_output=True,
        check=False, preexec_fn=lambda: stages.prepare_child(stages.LOAD_CORE))
    if done.stderr:
        print(f"{name}: {done.stderr}", file=sys.stderr)
    if done.returncode != 0:
        raise SystemExit(f"the load on {name} failed")
    return json.loads(done.stdout)


def report_progress(sample):
    if sys.stderr.isatty():
        print(f"{sample['row']:15} {sample['round']} {sample['name']:8}"
              f" {sample['rps']:9.0f} req/s  p99 {sample['p99_us']:8.1f} us", file=sys.stderr)
