#!/usr/bin/env python3
"""The rules of this code base that a machine can see (docs/ARCHITECTURE.md, "Rules").

Every finding names the file, the line and what to do instead. Needs nothing but git and Python.

    tests/tidy/tidy.py              check the tree; exit 1 on a finding
    tests/tidy/tidy.py --self-test  break every rule in a scratch tree: each must be found
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# A room may include only rooms of a lower level; level 2 rooms do not know each other.
LEVELS = {
    "base": 0, "contract": 1,
    "wire": 2, "token": 2, "tariff": 2, "ledger": 2, "audit": 2, "dialect": 2, "payment": 2,
    "store": 3, "net": 3, "node": 3,
    "flow": 4, "report": 4,
    "console": 5, "app": 6,
}
# Rooms of one level that may use one another, with the reason.
SAME_LEVEL = {
    ("node", "net"),  # Lightning back ends speak HTTP through net's client
}
FILE_LINES_MAX = 800
LINE_COLUMNS_MAX = 100

CODE = (".cc", ".h")
SCRIPTS = (".mjs", ".js", ".ts", ".css", ".html", ".py", ".sh",
           ".yaml", ".yml", ".cmake", ".txt", ".md", ".json")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')

# (pattern, what to use instead, files it is allowed in)
BANNED_CALLS = [
    (r"\bstd::sto(i|l|ll|ul|ull|f|d|ld)\s*\(", "parse_uint of base/text.h", r"$^"),
    (r"\b(atoi|atol|atoll|atof|strtol|strtoll|strtoul|strtoull|strtod)\s*\(",
     "parse_uint of base/text.h", r"$^"),
    (r"\bHMAC\s*\(", "hmac_sha256 of base/crypto.h", r"^src/base/crypto"),
    (r"\b(system_clock|steady_clock|high_resolution_clock)::now\b",
     "a Time parameter; app/, net/ and the pacing of store/ ask a clock",
     r"^(src/base/time|src/net/|src/app/|src/store/|bench/|.*_(bench|test)\.cc$)"),
    (r"\b(gettimeofday|std::time|time)\s*\(\s*(nullptr|NULL|0|&)", "a Time parameter",
     r"^src/base/time"),
    (r"\b(strcpy|strcat|strncpy|sprintf|vsprintf|gets)\s*\(", "std::string or fmt::format_to",
     r"$^"),
    (r"(?<![\w:])assert\s*\(", "ASSERT or RELEASE_ASSERT of base/assert.h", r"^src/base/assert"),
    (r"#\s*include\s*<cassert>", "base/assert.h", r"$^"),
    (r"(&&|\|\||\?|(?<!:):(?!:))\s*co_await\b",
     "a line of its own: g++ 12 evaluates both sides", r"$^"),
    (r"\b(std::rand|srand|rand|random_device|mt19937(_64)?)\b\s*[({;]", "fill_random of "
     "base/crypto.h, or a seeded generator passed in by a test", r".*_(test|bench|fuzz)\.cc$"),
    (r"\bmemcmp\s*\(", "equal_constant_time for secrets, operator== for the rest",
     r"^src/(base|wire|store)/|_(test|bench|fuzz)\.cc$"),
    (r"\bsystem\s*\(|\bpopen\s*\(", "net's child processes, without a shell", r"$^"),
    (r"\bstd::format\b|#\s*include\s*<format>", "fmt::format", r"$^"),
    (r"\bstd::(cout|cerr|clog)\b", "fmt::print in commands, spdlog elsewhere",
     r"^(src/app/|examples/|bench/)|_(test|bench)\.cc$"),
    (r"\bYAML::LoadFile\b", "the config reader of app/, which knows duplicate keys", r"$^"),
]
# Only net/ knows the loop library. flow/ and what is above it use net's own names.
LOOP_LIBRARY = re.compile(r'#\s*include\s*<(sys/epoll|sys/eventfd)')
LOOP_ALLOWED = re.compile(r"^src/net/|^src/wire/.*_fuzz\.cc$|^bench/")

BANNED_TEXT = [
    (r"\b(TOD[O]|FIXM[E]|XX[X]|HAC[K])\b", "an issue, or the work itself"),
    (r"(?<![\w.])/(work|root|home)/[\w.]", "a path relative to the repository"),
    (r"\b(registry\.(npmjs|yarnpkg)\.\w+|pypi\.org|proxy\.golang\.org|crates\.io)\b",
     "no registry host: clients know their own"),
    (r"<{7} |>{7} ", "a finished merge"),
]
TEXT_ALLOWED = {"tests/tidy/tidy.py"}


def findings(root, files):
    for name in files:
        path = root / name
        if not path.is_file() or path.is_symlink():
            continue
        if path.suffix not in CODE + SCRIPTS and not is_script(path):
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            yield name, 1, "not UTF-8"
            continue
        lines = text.split("\n")
        yield from check_text(name, lines)
        if path.suffix in CODE:
            yield from check_code(name, lines)
        elif is_script(path) or path.suffix in (".mjs", ".js", ".css", ".html", ".py"):
            yield from check_size(name, lines)
    yield from check_dead(root, files)
    yield from check_lock(root, files)
    yield from check_refusals(root, files)
    yield from check_config_keys(root, files)
    yield from check_guards(root, files)
    yield from check_links(root, files)


def is_script(path):
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def check_text(name, lines):
    if name in TEXT_ALLOWED:
        return
    for number, line in enumerate(lines, 1):
        for pattern, instead in BANNED_TEXT:
            found = re.search(pattern, line)
            if found:
                yield name, number, f"{found.group(0)!r} is banned; use {instead}"


def check_size(name, lines):
    if len(lines) > FILE_LINES_MAX:
        yield name, FILE_LINES_MAX, f"more than {FILE_LINES_MAX} lines: split it by idea"
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS_MAX:
            yield name, number, f"longer than {LINE_COLUMNS_MAX} columns: break the line"


def check_code(name, lines):
    yield from check_size(name, lines)
    if name.endswith(".h"):
        if not lines[0].startswith("//"):
            yield name, 1, "a header starts with a comment that says what it owns"
        if "#pragma once" not in lines:
            yield name, 1, "a header has #pragma once"
    for number, line in enumerate(lines, 1):
        code = strip_comment(line)
        yield from check_include(name, number, line)
        if LOOP_LIBRARY.search(line) and not LOOP_ALLOWED.search(name):
            yield name, number, "only net/ waits for descriptors; use net/'s own types"
        for pattern, instead, allowed in BANNED_CALLS:
            found = re.search(pattern, code)
            if found and not re.search(allowed, name):
                yield name, number, f"{found.group(0)!r} is banned; use {instead}"


STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def strip_comment(line):
    """The line without string contents and // comments, so that words in them are free."""
    if line.lstrip().startswith("#"):
        return line
    return STRING.sub('""', line).split("//")[0]


def check_include(name, number, line):
    found = INCLUDE.match(line)
    parts = name.split("/")
    if not found or found.group(1) != '"' or parts[0] != "src" or len(parts) < 3:
        return
    mine, theirs = parts[1], found.group(2).split("/")[0]
    if theirs not in LEVELS or "/" not in found.group(2):
        yield name, number, f'include "{found.group(2)}" as "room/file.h"'
        return
    if mine not in LEVELS:
        yield name, number, f"room {mine} has no level: add it to LEVELS in tests/tidy/tidy.py"
        return
    if mine == theirs or (mine, theirs) in SAME_LEVEL:
        return
    if LEVELS[theirs] >= LEVELS[mine]:
        yield name, number, (f"{mine} (level {LEVELS[mine]}) includes {theirs} (level "
                             f"{LEVELS[theirs]}): a room knows only lower ones; pass it in, or "
                             "move what both need to contract/")


def check_dead(root, files):
    """A header that nobody includes, and a source that no build file globs."""
    included = set()
    for name in files:
        if name.endswith(CODE) and (root / name).is_file():
            for line in (root / name).read_text(errors="replace").split("\n"):
                found = INCLUDE.match(line)
                if found:
                    included.add(found.group(2))
                    included.add(str(Path(name).parent / found.group(2)))
    for name in files:
        if not name.endswith(".h") or not name.startswith("src/"):
            continue
        if not (root / name).is_file():
            continue
        if name.removeprefix("src/") not in included:
            yield name, 1, "nobody includes this header: delete it"


def check_lock(root, files):
    """A lock file pins versions and hashes, never the host they came from."""
    for name in files:
        if name.endswith("package-lock.json") and (root / name).is_file():
            for number, line in enumerate((root / name).read_text().split("\n"), 1):
                if '"resolved"' in line and "http" in line:
                    yield name, number, "install with omit-lockfile-registry-resolved=true"


def check_refusals(root, files):
    """Every refusal is explained and tried: a line in the reference, a word in a test."""
    header = root / "src/contract/refusal.h"
    reference = root / "docs/reference/refusals.md"
    if not header.is_file():
        return
    codes = re.findall(r"^  (\w+) = \d+,", header.read_text(), re.M)
    tests = "".join((root / name).read_text(errors="replace") for name in files
                    if (name.endswith("_test.cc") or name.startswith("tests/e2e/"))
                    and name.endswith((".cc", ".mjs")) and (root / name).is_file())
    text = reference.read_text() if reference.is_file() else ""
    for code in codes:
        if not re.search(rf"\b{code}\b", tests):
            yield "src/contract/refusal.h", 1, f"no test names {code}"
        if not re.search(rf"\b{code}\b", text):
            yield "docs/reference/refusals.md", 1, f"no line about {code}"


# How app/config asks for a key, and the lists of keys it walks.
KEY_ASKED = re.compile(
    r'(?:\.|->)(?:text|secret|token_name|boolean|whole|seconds|amount|'
    r'list|strings|maps?|node)\("(\w+)"'
    r'|\bread_\w+\(\w+, "(\w+)"')
KEY_LIST = re.compile(r'\{("\w+"(?:,\s*"\w+")+)\}')


def check_config_keys(root, files):
    """Every key that the config reader accepts is explained."""
    reference = root / "docs/reference/config.md"
    text = reference.read_text() if reference.is_file() else ""
    known = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", text))))
    for name in files:
        if not re.match(r"src/app/config/(?!.*_(test|fuzz)\.cc$).*\.cc$", name):
            continue
        if not (root / name).is_file():
            continue
        code = (root / name).read_text()
        found = [(m.start(), m.group(1) or m.group(2)) for m in KEY_ASKED.finditer(code)]
        for keys in KEY_LIST.finditer(code):
            found += [(keys.start(), key) for key in re.findall(r"\w+", keys.group(1))]
        for at, key in found:
            if key not in known:
                line = code.count("\n", 0, at) + 1
                yield name, line, f"{key!r} is not in docs/reference/config.md"


def check_guards(root, files):
    """A test that the threat model or the list of peers names exists."""
    pages = [name for name in ("docs/THREAT_MODEL.md", "docs/peers.md")
             if name in files and (root / name).is_file()]
    if not pages:
        return
    suites = "".join((root / file).read_text(errors="replace") for file in files
                     if file.endswith("_test.cc") and (root / file).is_file())
    tests = {f"{suite}.{test}" for suite, test in
             re.findall(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", suites, re.M)}
    lines = [(name, number, line) for name in pages
             for number, line in enumerate((root / name).read_text().split("\n"), 1)]
    for name, number, line in lines:
        for span in re.findall(r"`([^`]+)`", line):
            file, _, title = span.partition(": ")
            if file.endswith(".test.mjs"):
                paths = [root / folder / file for folder in
                         ("tests/e2e", "tests/conformance", "tests/lightning")]
                if not title or not any(path.is_file() and title in path.read_text()
                                        for path in paths):
                    yield name, number, f"no such test: {span}"
            elif re.fullmatch(r"[A-Z]\w+\.[A-Z]\w+", span) and span not in tests:
                yield name, number, f"no such test: {span}"


LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def check_links(root, files):
    """A relative link in a page leads somewhere."""
    for name in files:
        if not name.endswith(".md") or not (root / name).is_file():
            continue
        for number, line in enumerate((root / name).read_text().split("\n"), 1):
            for target in LINK.findall(line):
                if "://" in target or target.startswith("mailto:"):
                    continue
                if not ((root / name).parent / target).exists():
                    yield name, number, f"the link leads nowhere: {target}"


def tracked(root):
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=root, capture_output=True, check=True).stdout
    return sorted(name for name in listed.decode().split("\0") if name)


# Each breaks one rule; the second item is part of the finding it must cause.
BREAKS = {
    "src/token/up.h": ('// c\n#pragma once\n#include "flow/a.h"\n', "a room knows only lower"),
    "src/token/side.h": ('// c\n#pragma once\n#include "ledger/a.h"\n', "a room knows only lower"),
    "src/token/flat.cc": ('#include "flat.h"\n', '"room/file.h"'),
    "src/attic/a.cc": ('#include "base/a.h"\n', "has no level"),
    "src/base/bare.h": ("#pragma once\n", "starts with a comment"),
    "src/base/guard.h": ("// c\n", "#pragma once"),
    "src/base/unused.h": ("// c\n#pragma once\n", "nobody includes"),
    "src/base/long.cc": ("\n" * 801, "more than 800"),
    "src/base/wide.cc": ("// " + "x" * 100 + "\n", "longer than 100"),
    "src/flow/poll.cc": ("#include <sys/epoll.h>\n", "only net/"),
    "src/base/a1.cc": ("int x = std::stoi(s);\n", "parse_uint"),
    "src/base/a2.cc": ("auto h = HMAC(a);\n", "hmac_sha256"),
    "src/flow/a3.cc": ("auto t = std::chrono::system_clock::now();\n", "Time parameter"),
    "src/base/a4.cc": ("strcpy(a, b);\n", "std::string"),
    "src/base/a5.cc": ("assert(x);\n", "RELEASE_ASSERT"),
    "src/base/a6.cc": ("// TO" "DO later\n", "an issue"),
    "src/base/a7.cc": ('auto p = "/wo' 'rk/main";\n', "relative to the repository"),
    "docs/a8.md": ("see registry.npm" "js.org\n", "no registry host"),
    "tests/package-lock.json": ('{"resolved": "https://x"}\n', "omit-lockfile"),
    "src/contract/refusal.h": ("// c\n#pragma once\n  made_up = 1,\n", "no test names made_up"),
    "src/app/config/a.cc": ('auto x = map.text("madeUp");\n', "'madeUp' is not in"),
    "src/app/config/b.cc": ('read(map, {"a1", "madeUp"});\n', "'madeUp' is not in"),
    "docs/THREAT_MODEL.md": ("guarded by `Made.Up`\n", "no such test: Made.Up"),
    "docs/link.md": ("see [that](nowhere.md)\n", "leads nowhere"),
}
FINE = {
    "src/token/fine.cc": '#include "base/a.h"\n// strcpy( in a comment\nauto s = "assert(x)";\n',
    "src/flow/fine.cc": '#include "net/a.h"\nstatic_assert(true);\n',
}


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, content in [(n, c) for n, (c, _) in BREAKS.items()] + list(FINE.items()):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)
        found = list(findings(root, sorted(BREAKS) + sorted(FINE)))
        missed = [f"{name}: should say {part!r}" for name, (_, part) in BREAKS.items()
                  if not any(n == name and part in message for n, _, message in found)]
        missed += [f"{name}: should be fine, but: {message}" for name, _, message in found
                   if name in FINE]
        return missed


def main():
    missed = self_test()
    for line in missed:
        print(f"tidy is broken: {line}")
    if missed or "--self-test" in sys.argv:
        return 1 if missed else 0
    root = Path(__file__).resolve().parent.parent.parent
    files = tracked(root)
    found = list(findings(root, files))
    for name, number, message in found:
        print(f"{name}:{number}: {message}")
    print(f"note: {len(files)} files, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
