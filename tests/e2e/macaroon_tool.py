"""pymacaroons as a second opinion: reads one JSON request from stdin, prints one JSON answer.

    {"op": "read", "token": T}              -> {"location", "identifier", "caveats", "signature"}
    {"op": "add", "token": T, "caveats": []} -> {"token": T2}
    {"op": "make", "location", "identifier", "key": hex, "caveats": []} -> {"token": T}
"""
import json
import sys

from pymacaroons import MACAROON_V2, Macaroon


def text_of(value):
    return value.decode() if isinstance(value, bytes) else value


def main():
    request = json.load(sys.stdin)
    if request["op"] == "make":
        macaroon = Macaroon(version=MACAROON_V2, location=request["location"],
                            identifier=request["identifier"], key=bytes.fromhex(request["key"]))
    else:
        macaroon = Macaroon.deserialize(request["token"])
    for caveat in request.get("caveats", []):
        macaroon.add_first_party_caveat(caveat)
    if request["op"] == "read":
        answer = {"location": text_of(macaroon.location),
                  "identifier": text_of(macaroon.identifier),
                  "caveats": [text_of(caveat.caveat_id) for caveat in macaroon.caveats],
                  "signature": macaroon.signature}
    else:
        answer = {"token": macaroon.serialize()}
    json.dump(answer, sys.stdout)


main()
