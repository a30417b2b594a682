"""What a governed request costs in heap allocations and in system calls, on the real binary with
all its threads, and what the bare hops do for the same load."""
import re
import signal
import struct
import subprocess

import load_rows
from load_rows import SCENES
from table import Goal, missing, single

SECONDS = 2
# The calls that a proxy may do per request; the rest shows in the total alone.
NAMED = ("read", "write", "readv", "writev", "recvfrom", "recvmsg", "sendto", "sendmsg",
         "epoll_wait", "epoll_pwait", "epoll_ctl", "futex", "pwrite64", "pwritev", "pread64",
         "fdatasync", "fallocate", "clock_nanosleep", "io_uring_enter", "accept4", "close")


def allocations(stage, asked):
    """After a first load that warms everything up."""
    scene, counts = SCENES["governed"], {}
    for who in ("ours", *load_rows.PEERS):
        name = f"counted-{who}"
        stage.need(name)
        request = stage.request(name, scene.kind)
        load_rows.one_sample(stage, scene, name, SECONDS, request)
        stage.rest()
        before = allocations_by_thread(stage, name)
        sample = load_rows.one_sample(stage, scene, name, SECONDS, request)
        stage.rest()
        after = allocations_by_thread(stage, name)
        by_thread = {thread: round((count - before.get(thread, 0)) / sample["answered"], 3)
                     for thread, count in after.items()}
        counts[who] = sum(by_thread.values())
        asked.samples.append({"row": "allocations", "name": who, "by_thread": by_thread, **sample})
    busiest = max(asked.samples[-3]["by_thread"].values())
    return [single("allocations", "heap, a request, all threads", 2, Goal("ours <= 0"),
                   f"{busiest:.2f} of them in the busiest thread", **counts)]


def allocations_by_thread(stage, name):
    pairs = struct.iter_unpack("=qq", (stage.scratch / f"{name}.allocations").read_bytes())
    return {thread: count for thread, count in pairs if thread}


def system_calls(stage, asked):
    goal, rows, counts = Goal("excess <= 1"), [], {}
    for connections, row in ((64, "syscalls"), (1, "syscalls-1")):
        scene = load_rows.Scene(connections)
        for who in ("ours", *load_rows.PEERS):
            stage.need(who)
            stage.rest()
            counts[who] = calls_of(stage, who, scene, row, asked.samples)
        if None in counts.values():
            rows.append(missing(row, "a request, all threads", goal, "perf cannot count them here"))
            continue
        most = sorted(asked.samples[-3]["by_call"].items(), key=lambda item: -item[1])[:6]
        note = " ".join(f"{call} {count:.2f}" for call, count in most)
        what = f"a request, {connections} connection{'s' * (connections > 1)}"
        rows.append(single(row, what, 2, goal, note, **counts))
    return rows


def calls_of(stage, name, scene, row, samples):
    """Counted in the kernel, which slows the proxy down much less than tracing does."""
    events = ["raw_syscalls:sys_enter", *(f"syscalls:sys_enter_{call}" for call in NAMED)]
    counter = subprocess.Popen(
        ["perf", "stat", "-x", ",", "-e", ",".join(events), "-p", str(stage.pid(name))],
        stderr=subprocess.PIPE, text=True)
    sample = load_rows.one_sample(stage, scene, name, SECONDS, stage.request(name, scene.kind))
    counter.send_signal(signal.SIGINT)
    _, said = counter.communicate(timeout=20)
    found = {call: int(count) for count, call in
             re.findall(r"^(\d+),[^,]*,(?:raw_)?syscalls:sys_enter_?(\w*)", said, re.M)}
    if "" not in found:
        return None
    each = {call: round(count / sample["answered"], 3) for call, count in found.items()}
    samples.append({"row": row, "name": name, **sample,
                    "by_call": {call: count for call, count in each.items() if call and count}})
    return each[""]
