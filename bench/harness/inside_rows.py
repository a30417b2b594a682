"""Rows that are measured in process, without a socket: ours alone, against a goal."""
import json
import shutil
import subprocess
import time

import stage as stages
from table import Goal, missing, single

ACCOUNTS, FEW_ACCOUNTS = 1_000_000, 1_000
APPENDED, BATCH = 2_000_000, 128
RECOVERED = 10_000_000
BYTES_PER_CALL = 800  # of a hold and an end in the journal, about


def told(command):
    """What a program says in JSON; nothing when it says nothing."""
    done = subprocess.run([str(part) for part in command], text=True, timeout=600,
                          stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command[0].name} {command[1]} failed")
    return json.loads(done.stdout) if done.stdout else None


def decision(build):
    """The decision, with the token's chain in the verifier's cache and without."""
    done = subprocess.run(
        [build / "decision_bench", "--benchmark_min_time=0.5", "--benchmark_format=json",
         "--benchmark_filter=^decision"], text=True, timeout=120, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, check=True)
    made = []
    for one in json.loads(done.stdout)["benchmarks"]:
        name = one["name"].replace("_", "-")
        seen = name == "decision"
        made += [single(name, "in process, ns", 0, Goal("ours <= 2500") if seen else None,
                        ours=one["cpu_time"]),
                 single(f"{name}-allocations", "of the deciding thread", 2,
                        Goal("ours <= 0") if seen else None, ours=one["allocs"])]
    return made


def scale(stage, asked):
    """A thousand tokens with their accounts against a million."""
    tool = stage.build / "bench-scale"
    few, many = stage.scratch / "few-data", stage.data_dir("ours-million")
    told([tool, "make", few, FEW_ACCOUNTS])
    told([tool, "make", many, ACCOUNTS])
    stage.need("ours")
    empty = stages.resident_bytes(stage.pid("ours"))
    began = time.monotonic()
    stage.need("ours-million")
    started = time.monotonic() - began
    stage.rest()
    grown = stages.resident_bytes(stage.pid("ours-million")) - empty
    stage.stop("ours-million")
    by_count = {count: told([tool, "decide", data, count])
                for count, data in ((FEW_ACCOUNTS, few), (ACCOUNTS, many))}
    alone = told([tool, "ledger", ACCOUNTS])
    shutil.rmtree(many)
    asked.samples.append({"row": "scale", "started_s": started, "grown_bytes": grown,
                    "decide": list(by_count.values()), "ledger": alone})
    few_told, many_told = by_count[FEW_ACCOUNTS], by_count[ACCOUNTS]
    low, high = few_told["p99_us"], many_told["p99_us"]
    return [
        single("scale-p99", "decision, of a million over of a thousand", 2, Goal("ours <= 2"),
               f"{high} us over {low} us; p50 {many_told['p50_us']} over {few_told['p50_us']}",
               ours=high / low),
        single("scale-memory", "bytes a token and its account, real binary", 0,
               Goal("ours <= 400"), ours=grown / ACCOUNTS),
        single("scale-ledger-memory", "bytes an account, in the ledger alone", 0,
               Goal("ours <= 400"), ours=alone["grown_bytes"] / ACCOUNTS),
        single("scale-start", "s, real binary, a million accounts", 2, Goal("ours <= 3"),
               ours=started),
    ]


def journal(stage, asked):
    """Appended to a real disk, read back as after a crash."""
    tool, folder = stage.build / "bench-journal", stage.scratch / "journal-data"
    appended = told([tool, "append", folder, APPENDED, BATCH])
    shutil.rmtree(folder)
    asked.samples.append({"row": "journal", "append": appended})
    rows = [
        single("journal-append", f"events/s, batches of {BATCH}", 0, Goal("ours >= 1000000"),
               ours=APPENDED / appended["appended_s"]),
        single("journal-durable", "events/s until all are on disk", 0,
               note=f"{appended['bytes'] / appended['durable_s'] / 1e6:.0f} MB/s",
               ours=APPENDED / appended["durable_s"])]
    goal, what = Goal("ours <= 10"), f"s for {RECOVERED} events, each with its hold"
    if shutil.disk_usage(stage.scratch).free < 3 * RECOVERED * BYTES_PER_CALL:
        return rows + [missing("journal-recovery", what, goal, "the disk has no room for it")]
    written = told([tool, "calls", folder, RECOVERED, BATCH])
    read = told([tool, "recover", folder])
    shutil.rmtree(folder)
    asked.samples[-1] |= {"calls": written, "recover": read}
    return rows + [single("journal-recovery", what, 2, goal,
                          f"{written['bytes'] / 1e9:.1f} GB", ours=read["recovered_s"])]
