"""The requests that are sent, as bytes, and what their tokens must allow."""
import copy
import json

BODY_BYTES = 1024
# Of a call, in credits: the prices of wire/satgate.yaml, the tokens of wire/answers.cc.
PRICE = {"api": 0.001, "mcp": 0.001, "session": 0.001, "list": 0, "list-one": 0,
         "chat": (240 + 2 * 8) / 1e6, "stream": (240 + 2 * 60) / 1e6}

# What kind of token a request carries.
TOKEN_OF = {"api": "api", "mcp": "mcp", "session": "mcp", "list": "list", "list-one": "list-one",
            "chat": "chat", "stream": "chat"}
# Flags of `token create`, and of `token attenuate`. With expiry, holder and budget_max: 5 caveats.
CAVEATS = {
    "api": (["--endpoint", "/api/*"], ["--endpoints", "/api/answer"]),
    "mcp": (["--allow-tool", "*"], ["--tools", "answer"]),
    "list": (["--allow-tool", "*"], ["--tools", "*"]),
    "list-one": (["--allow-tool", "*"], ["--tools", "s07"]),
    "chat": (["--models", "bench-*"], ["--models", "bench-model"]),
}


CALL = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
    "name": "answer", "arguments": {"query": "what does it cost"}}}
LIST = {"jsonrpc": "2.0", "id": 7, "method": "tools/list"}
OF_MCP = ("mcp", "session", "list", "list-one")


def text(kind, token, extra_fields, target=None):
    usual, body = {
        "api": ("/api/answer", {"query": "what does it cost"}),
        "mcp": ("/mcp", CALL),
        "session": ("/mcp", CALL),
        "list": ("/mcp", LIST),
        "list-one": ("/mcp", LIST),
        "chat": ("/v1/chat/completions", chat(stream=False)),
        "stream": ("/v1/chat/completions", chat(stream=True)),
    }[kind]
    where = {"mcp": ("params", "arguments", "text"), "session": ("params", "arguments", "text"),
             "list": None, "list-one": None, "api": ("text",)}.get(kind, ("messages", 0, "content"))
    body = padded(body, where) if where else json.dumps(body, separators=(",", ":")).encode()
    fields = ["Host: 127.0.0.1", f"Authorization: Bearer {token}",
              "Content-Type: application/json", f"Content-Length: {len(body)}", *extra_fields]
    if kind in OF_MCP:
        fields += ["Accept: application/json, text/event-stream",
                   "MCP-Protocol-Version: 2025-06-18"]
    if kind == "session":
        fields.append("Mcp-Session-Id: @session@")  # of each connection; see wire/mcp_session.h
    return ("\r\n".join([f"POST {target or usual} HTTP/1.1", *fields]) + "\r\n\r\n").encode() + body


def chat(stream):
    asked = {"model": "bench-model", "max_tokens": 200,
             "messages": [{"role": "user", "content": ""}]}
    return asked | ({"stream": True, "stream_options": {"include_usage": True}} if stream else {})


def padded(body, where):
    """The JSON of the body, with the text at `where` so long that all of it has BODY_BYTES."""
    body = copy.deepcopy(body)

    def dump(filler):
        inner = body
        for step in where[:-1]:
            inner = inner[step]
        inner[where[-1]] = filler
        return json.dumps(body, separators=(",", ":")).encode()
    return dump("x" * (BODY_BYTES - len(dump(""))))
