"""From samples to rows: medians, and ratios that pair what was measured in the same round."""
import json
import statistics
import subprocess

CONTENDERS = ("ours", "nginx", "haproxy")


def rows(scenes, samples):
    made = []
    for scene in scenes:
        by_round = {}
        for sample in samples:
            if sample["scene"] == scene.name:
                by_round.setdefault(sample["round"], {})[sample["name"]] = sample
        rounds = [r for r in by_round.values() if "ours" in r]
        made += one_core_rows(scene, rounds) if scene.one_core else load_rows(scene, rounds)
    return made


def load_rows(scene, rounds):
    what = f"{scene.connections} connections"
    return [
        row(scene.name, f"{what}, req/s", rounds, lambda r, n: r[n]["rps"], 0),
        row(f"{scene.name} p50", f"{what}, us", rounds, lambda r, n: r[n]["p50_us"], 0),
        row(f"{scene.name} p99", f"{what}, us", rounds, lambda r, n: r[n]["p99_us"], 0),
        row(f"{scene.name} cpu", "proxy CPU a request, us", rounds,
            lambda r, n: r[n]["proxy_cpu_us"], 2),
    ]


def one_core_rows(scene, rounds):
    def added(key):
        return lambda r, n: r[n][key] - r["direct"][key]
    return [
        row(f"{scene.name} p50", "1 connection, us added", rounds, added("p50_us"), 1),
        row(f"{scene.name} p99", "1 connection, us added", rounds, added("p99_us"), 1),
        row(f"{scene.name} cpu", "proxy CPU a request, us", rounds,
            lambda r, n: r[n]["proxy_cpu_us"], 2),
    ]


def row(name, what, rounds, value, digits):
    cells = {n: round(statistics.median(value(r, n) for r in rounds), digits) for n in CONTENDERS}

    def ratio(other):
        paired = [value(r, "ours") / value(r, other) for r in rounds if value(r, other) > 0]
        return round(statistics.median(paired), 3) if paired else None
    return {"row": name, "what": what, **cells, "ratio": ratio("nginx"),
            "of_haproxy": ratio("haproxy")}


def decision_rows(build):
    """The decision in process: nothing to compare it with, but its goal."""
    binary = build / "decision_bench"
    if not binary.exists():
        return []
    done = subprocess.run([binary, "--benchmark_min_time=0.5", "--benchmark_format=json",
                           "--benchmark_filter=^decision"], text=True, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    made = []
    for one in json.loads(done.stdout)["benchmarks"]:
        name = one["name"].replace("_", " ")
        for what, figure in (("in process, ns", one["cpu_time"]),
                             ("in process, heap allocations", one["allocs"])):
            made.append({"row": name, "what": what, "ours": round(figure, 1), "nginx": None,
                         "haproxy": None, "ratio": None, "of_haproxy": None})
    return made


def text(all_rows):
    heads = ("row", "", "ours", "nginx", "haproxy", "ratio", "of haproxy")
    lines = [heads] + [
        (r["row"], r["what"], *(plain(r[n]) for n in CONTENDERS), times(r["ratio"]),
         times(r["of_haproxy"])) for r in all_rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(w) if i < 2 else cell.rjust(w)
                  for i, (cell, w) in enumerate(zip(line, widths))).rstrip() for line in lines)


def plain(figure):
    if figure is None:
        return "-"
    return f"{figure:.0f}" if float(figure).is_integer() else f"{figure}"


def times(ratio):
    return "-" if ratio is None else f"{ratio:.2f}x"
