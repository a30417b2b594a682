"""Starts what is compared, on free loopback ports, and ends it by process id."""
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROXY_CORE, LOAD_CORE = 0, min(1, os.cpu_count() - 1)
START_SECONDS = 15
PR_SET_PDEATHSIG = 1


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pin(pid, core):
    """Every thread of a process; threads that it starts later inherit it."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task), {core})


def bind_to_parent(core):
    """Runs in the child: it dies with us, whatever happens to us."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.sched_setaffinity(0, {core})


class Stage(contextlib.AbstractContextManager):
    """The upstream and all contenders, running. `ports` and `pids` are by name; "direct" is the
    upstream itself, without a hop."""

    def __init__(self, build, scratch):
        self.build, self.scratch = build, scratch
        self.ports, self.pids, self.tokens = {}, {}, {}
        self.processes = []

    def __enter__(self):
        try:
            self.start_all()
        except BaseException:
            self.stop_all()
            raise
        return self

    def __exit__(self, *_):
        self.stop_all()

    def start_all(self):
        port = self.ports["direct"] = free_port()
        self.start("direct", [self.build / "bench-upstream", port], LOAD_CORE)
        config = self.configured("nginx.conf", "nginx")
        self.start("nginx", ["nginx", "-e", self.scratch / "nginx.log", "-c", config])
        config = self.configured("haproxy.cfg", "haproxy")
        self.start("haproxy", ["haproxy", "-db", "-q", "-f", config])
        for name, durability in (("ours", "normal"), ("strict", "strict")):
            self.start_satgate(name, durability)

    def configured(self, template, name, **values):
        self.ports.setdefault(name, free_port())
        values |= {"scratch": self.scratch, "port": self.ports[name],
                   "upstream": self.ports["direct"]}
        text = (HERE / template).read_text()
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        path = self.scratch / f"{name}-{template}"
        path.write_text(text)
        return path

    def start(self, name, command, core=PROXY_CORE, environment=None):
        log = open(self.scratch / f"{name}.log", "ab")
        process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=environment, preexec_fn=lambda: bind_to_parent(core))
        self.processes.append(process)
        self.pids[name] = process.pid
        self.wait_for(name, process)

    def wait_for(self, name, process):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and process.poll() is None:
            try:
                url = f"http://127.0.0.1:{self.ports[name]}/"
                urllib.request.urlopen(url, timeout=1).close()
                return
            except urllib.error.HTTPError:
                return  # an answer, though not 200: SatGate has no route for "/"
            except OSError:
                time.sleep(0.05)
        log = (self.scratch / f"{name}.log").read_text(errors="replace")
        raise SystemExit(f"{name} did not start:\n{log[-2000:]}")

    def start_satgate(self, name, durability):
        binary = self.build / "satgate"
        environment = os.environ | {"SATGATE_DATA_DIR": str(self.scratch / f"{name}-data")}
        config = self.configured("satgate.yaml", name, durability=durability, admin=free_port())
        self.start(name, [binary, "gateway", "start", "--config", config], environment=environment)

        def satgate(*words):
            done = subprocess.run([binary, *words], env=environment, text=True, timeout=30,
                                  capture_output=True, check=False)
            if done.returncode != 0:
                raise SystemExit(f"satgate {words[0]} {words[1]} failed: {done.stderr}")
            return json.loads(done.stdout)

        root = satgate("token", "create", "--name", "bench", "--budget", "research", "--expires",
                       "30d", "--endpoint", "/api/*", "--json")["token"]
        self.tokens[name] = satgate("token", "attenuate", root, "--holder", "load", "--budget-max",
                                    "1000000", "--endpoints", "/api/answer", "--json")["token"]

    def stop_all(self):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        end = time.monotonic() + 10
        for process in self.processes:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
