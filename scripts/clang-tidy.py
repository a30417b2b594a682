#!/usr/bin/env python3
"""Runs clang-tidy over the program's sources and remembers what passed.

A source is checked again when it, a project header it reaches, its compile command or
.clang-tidy changes, in whichever clone: what passed is remembered in the user's cache folder.
Unit tests and benchmarks are left to the compiler's warnings: they are most of the time and none
of the product.

    scripts/clang-tidy.py [FILE...]        needs build/check (scripts/build check)
"""
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/check"
STAMPS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "satgate-clang-tidy"
STAMP_DAYS = 30
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
SKIP = re.compile(r"_(test|bench|fuzz)\.cc$")


def reached(path, seen):
    """The file and every project header it includes, directly or not."""
    if path in seen or not path.is_file():
        return seen
    seen.add(path)
    for name in INCLUDE.findall(path.read_text(errors="replace")):
        reached(ROOT / "src" / name, seen)
        reached(path.parent / name, seen)
    return seen


def fingerprint(path, command):
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    digest.update(command.replace(str(ROOT), "").encode())
    for file in sorted(reached(path, set())):
        digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()


def check(path):
    result = subprocess.run(
        ["clang-tidy-19", "--quiet", "-p", str(BUILD), str(path)],
        capture_output=True, text=True, check=False)
    noise = re.compile(r"^\d+ warnings? (generated|treated)|^Suppressed |^Use -header-filter")
    lines = [line for line in (result.stdout + result.stderr).splitlines()
             if not noise.match(line)]
    return result.returncode, "\n".join(lines)


def forget_old_stamps():
    old = time.time() - STAMP_DAYS * 86400
    for stamp in STAMPS.iterdir():
        if stamp.stat().st_mtime < old:
            stamp.unlink(missing_ok=True)


def main():
    commands = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        path = Path(entry["directory"], entry["file"]).resolve()
        commands[path] = entry.get("command", " ".join(entry.get("arguments", [])))
    asked = [Path(name).resolve() for name in sys.argv[1:]]
    files = asked or sorted(
        path for path in commands
        if path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "build")
        and not SKIP.search(path.name))
    STAMPS.mkdir(parents=True, exist_ok=True)

    todo = []
    for path in files:
        stamp = STAMPS / fingerprint(path, commands.get(path, ""))
        if stamp.exists():
            stamp.touch()
        else:
            todo.append((path, stamp))

    failed = 0
    jobs = int(os.environ.get("JOBS", os.cpu_count() or 2))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda item: check(item[0]), todo)
        for (path, stamp), (status, output) in zip(todo, results):
            if status == 0:
                stamp.touch()
            else:
                failed += 1
                print(f"{path.relative_to(ROOT)}:\n{output}")
    forget_old_stamps()
    print(f"note: {len(files)} files, {len(todo)} looked at, {failed} with findings")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
