"""Rows that are measured in process, without a socket: ours alone, against a goal."""
import json
import subprocess

from table import Goal, single


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
