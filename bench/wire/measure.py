"""Alternated rounds: in each, every contender is measured once, in turning order."""
import dataclasses
import json
import os
import subprocess
import sys

import contenders

WARMUP_MS = 500
FOREIGN_MAX = 0.08  # of a core, taken by something else: the sample is repeated
REPEATS_MAX = 2
PATH = "/api/answer"


@dataclasses.dataclass(frozen=True)
class Scene:
    name: str
    connections: int
    method: str = "POST"
    ours: str = "ours"        # which of our processes stands for SatGate
    one_core: bool = False    # proxy, load and upstream share a core: no wake-ups across cores


SCENES = (
    Scene("governed", 64),
    Scene("governed-256", 256),
    Scene("governed-1", 1, one_core=True),
    Scene("strict-64", 64, ours="strict"),
    Scene("strict-256", 256, ours="strict"),
    Scene("get-64", 64, method="GET"),
)


def play(stage, scene, rounds, seconds):
    """All samples of a scene, each a dict of what bench-load says, with scene, round and name."""
    names = ["nginx", "haproxy", scene.ours, "direct"]
    core = contenders.LOAD_CORE if scene.one_core else contenders.PROXY_CORE
    samples = []
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            if name != "direct":
                contenders.pin(stage.pids[name], core)
            sample = steady_sample(stage, scene, name, seconds)
            shown = "ours" if name == scene.ours else name
            samples.append({"scene": scene.name, "round": number, "name": shown, **sample})
            report_progress(samples[-1])
    return samples


def steady_sample(stage, scene, name, seconds):
    """Of up to three tries the one that the rest of the machine disturbed least."""
    tries = []
    for _ in range(1 + REPEATS_MAX):
        tries.append(one_sample(stage, scene, name, seconds))
        if tries[-1]["foreign"] <= FOREIGN_MAX:
            break
    return min(tries, key=lambda sample: sample["foreign"])


def one_sample(stage, scene, name, seconds):
    proxy = 0 if name == "direct" else stage.pids[name]
    command = [stage.build / "bench-load", stage.ports[name], scene.connections, WARMUP_MS,
               int(seconds * 1000), scene.method, PATH, proxy, stage.pids["direct"]]
    # The others are sent a token of the same size, which they pass on unread.
    token = stage.tokens.get(name) or next(iter(stage.tokens.values()))
    done = subprocess.run(
        [str(part) for part in command], env=os.environ | {"BENCH_TOKEN": token}, text=True,
        timeout=30 + 2 * seconds, capture_output=True, check=False,
        preexec_fn=lambda: contenders.bind_to_parent(contenders.LOAD_CORE))
    if done.stderr:
        print(f"{name}: {done.stderr}", file=sys.stderr)
    if done.returncode != 0:
        raise SystemExit(f"the load on {name} failed")
    return json.loads(done.stdout)


def report_progress(sample):
    if sys.stderr.isatty():
        print(f"{sample['scene']:13} {sample['round']} {sample['name']:8}"
              f" {sample['rps']:9.0f} req/s  p99 {sample['p99_us']:8.1f} us", file=sys.stderr)
