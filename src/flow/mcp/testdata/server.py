"""A small MCP server over stdio that misbehaves on request: a fixture for hub_test.cc."""
import json
import os
import sys
import time

tools = ["echo", "pid", "die", "sleep", "progress", "noise", "grow", "ask", "deaf", "fail"]


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(value):
    return {"content": [{"type": "text", "text": value}]}


def call(ident, params):
    name = params["name"]
    arguments = params.get("arguments", {})
    if name == "die":
        print("about to die", file=sys.stderr, flush=True)
        time.sleep(0.05)
        os._exit(3)
    if name == "sleep":
        time.sleep(arguments["seconds"])
    if name == "noise":
        stray = {"jsonrpc": "2.0", "id": 999999, "result": {}}
        sys.stdout.write("Listening...\n\n{}\n[]\n" + json.dumps(stray) + "\n")
        sys.stdout.flush()
    if name == "progress":
        token = params["_meta"]["progressToken"]
        for i in (1, 2):
            send({"method": "notifications/progress",
                  "params": {"progressToken": token, "progress": i, "total": 2}})
    if name == "grow":
        tools.append("grown")
        send({"method": "notifications/tools/list_changed"})
    if name == "ask":
        send({"id": "from-server", "method": "ping"})
        answer = json.loads(sys.stdin.readline())
        return send({"id": ident, "result": text(json.dumps(answer))})
    if name == "pid":
        return send({"id": ident, "result": text(str(os.getpid()))})
    if name == "deaf":
        time.sleep(0.7)
    if name == "fail":
        return send({"id": ident, "error": {"code": -32602, "message": "no such thing"}})
    send({"id": ident, "result": text(json.dumps(params))})


def handle(message):
    ident = message.get("id")
    method = message.get("method")
    if ident is None or method is None:
        return
    if method == "initialize":
        version = message["params"]["protocolVersion"]
        capabilities = {"tools": {"listChanged": True}, "prompts": {}}
        send({"id": ident, "result": {"protocolVersion": version, "capabilities": capabilities,
                                      "serverInfo": {"name": "fixture", "version": "1"}}})
    elif method == "tools/list":
        # Two pages, so that the cursor is used.
        half = "" if message.get("params", {}).get("cursor") is None else "rest"
        names = tools[5:] if half else tools[:5]
        result = {"tools": [{"name": n, "inputSchema": {"type": "object"}} for n in names]}
        if not half:
            result["nextCursor"] = "rest"
        send({"id": ident, "result": result})
    elif method == "tools/call":
        call(ident, message["params"])
    elif method == "prompts/list":
        send({"id": ident, "result": {"prompts": [{"name": "p"}]}})
    else:
        send({"id": ident, "error": {"code": -32601, "message": "Method not found"}})


if os.environ.get("FIXTURE_FAILS"):
    print("cannot open the database", file=sys.stderr, flush=True)
    sys.exit(1)
for line in sys.stdin:
    handle(json.loads(line))
