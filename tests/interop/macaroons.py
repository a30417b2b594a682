"""Verifies our macaroons (tests/vectors/macaroons/satgate.vtest) with pymacaroons: the right key
verifies and sees every caveat; a wrong key does not."""
import pathlib
import sys

from pymacaroons import Macaroon, Verifier
from pymacaroons.exceptions import MacaroonInvalidSignatureException

DEFAULT = pathlib.Path(__file__).parent.parent / "vectors/macaroons/satgate.vtest"


def vectors(text):
    for block in text.split("\n\n"):
        vector = {"caveats": []}
        for line in block.splitlines():
            if not line or line.startswith("#"):
                continue
            key, _, value = line.partition(" ")
            if key == "caveat":
                vector["caveats"].append(bytes.fromhex(value).decode())
            else:
                vector[key] = value
        if "macaroon" in vector:
            yield vector


def verify(macaroon, key):
    seen = []
    verifier = Verifier()
    verifier.satisfy_general(lambda caveat: seen.append(caveat) or True)
    verifier.verify(macaroon, key)
    return seen


checked = 0
path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
for vector in vectors(path.read_text()):
    macaroon = Macaroon.deserialize(vector["text"].removeprefix("sg_"))
    assert verify(macaroon, bytes.fromhex(vector["key"])) == vector["caveats"], vector
    assert macaroon.signature == vector["signature"], vector
    assert macaroon.serialize() == vector["text"].removeprefix("sg_"), vector
    try:
        verify(macaroon, b"\x09" * 32)
        raise SystemExit("a wrong key verified")
    except MacaroonInvalidSignatureException:
        pass
    checked += 1
assert checked > 0, "no vectors"
print(f"pymacaroons: {checked} macaroons verified")
