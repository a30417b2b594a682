"""Prints macaroon vectors made by pymacaroons (see README.md)."""
import hashlib
from base64 import urlsafe_b64decode

from pymacaroons import MACAROON_V2, Macaroon

SECRET = bytes(range(1, 33))
KEY_ID = hashlib.sha256(b"satgate-key-id\0" + SECRET).hexdigest()[:12]
OURS = f"sg1.{KEY_ID}.00112233445566778899aabbccddeeff"

EVERY_CAVEAT = [
    "expires = 2030-01-01", "budget_max = 50.00", "budget_hourly = 5", "budget_daily = 10",
    "budget_monthly = 100", "call_max = 0.25", "endpoints = /read/*", "methods = GET",
    "tools = search", "tools_deny = files.delete", "models = gpt-4o*", "audience = a, b",
    "upstream = openai", "rate_limit = 100/hour", "max_depth = 2", "holder = agent",
    "label.team = research",
]


def show(comment, caveats, key=SECRET, identifier=OURS, location="satgate", third_party=0):
    macaroon = Macaroon(location=location, identifier=identifier, key=key, version=MACAROON_V2)
    for caveat in caveats:
        macaroon.add_first_party_caveat(caveat)
    for i in range(third_party):
        macaroon.add_third_party_caveat("https://third.example", "third key", f"third {i}")
    text = macaroon.serialize()
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    raw_id = identifier if isinstance(identifier, bytes) else identifier.encode()
    ids = list(caveats) + [f"third {i}" for i in range(third_party)]
    print(f"# {comment}")
    print(f"key {key.hex()}")
    print(f"location {location}")
    print(f"identifier {raw_id.hex()}")
    for one in ids:
        print(f"caveat {one.encode().hex()}")
    if third_party:
        print(f"third-party {third_party}")
    print(f"signature {macaroon.signature}")
    print(f"macaroon {raw.hex()}\n")


show("no caveat", [])
for one in EVERY_CAVEAT:
    show(one, [one])
show("every caveat", EVERY_CAVEAT)
show("a root key of another length", [], key=b"this is our super secret key")
show("caveats of 127, 128 and 300 bytes", ["tools = " + "a" * (n - 8) for n in (127, 128, 300)])
show("an L402 identifier of 66 bytes", ["services=api:0", "api_valid_until=1893456000"],
     key=b"\x11" * 32, location="lsat",
     identifier=b"\0\0" + hashlib.sha256(bytes(range(32))).digest() + b"\xaa" * 32)
show("a third-party caveat", ["holder = a"], third_party=1)
