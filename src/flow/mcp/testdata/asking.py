"""An MCP server over stdio that asks its client, tells it of changes and speaks the era that its
first argument says: legacy, modern, dual, huge (legacy, with lists without end), silent (legacy,
says nothing to what it does not know), fragile (legacy, dies of it) or slow (fragile, and takes
its time to start). A fixture for hub_ask_test.cc and hub_modern_test.cc."""
import json
import os
import queue
import sys
import threading
import time

ERA = sys.argv[1]
MODERN_META = "io.modelcontextprotocol/"
lock = threading.Lock()
answers = {}  # id of a request of ours -> queue
state = {"tools": ["grown"], "prompts": ["first"], "resources": ["test://r"], "declared": None,
         "levels": [], "watched": [], "cancelled": [], "filters": [], "listen": None, "roots": None,
         "changed": None}
names = ["pid", "declared", "sample", "elicit", "roots", "many", "twice", "late", "logs", "grow",
         "touch", "wait", "told", "rounds", "meta", "endless", "stateful", "answers", "withdraw",
         "visit", "must_visit", "ask_both", "glance"]


def send(message):
    with lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def text(value, **more):
    value = value if isinstance(value, str) else json.dumps(value)
    return {"content": [{"type": "text", "text": value}], "resultType": "complete", **more}


def ask(method, params=None, ident=None):
    ident = ident or f"ask-{time.monotonic_ns()}"
    waiting = answers.setdefault(ident, queue.Queue())
    send({"id": ident, "method": method, "params": params or {}})
    got = waiting.get(timeout=20)
    return got.get("result", got.get("error"))


def notify(method, params=None):
    params = params or {}
    if state["listen"] is not None:
        params["_meta"] = {MODERN_META + "subscriptionId": state["listen"]}
    send({"method": "notifications/" + method, "params": params})


def grow(what):
    state[what].append(f"{what}-{len(state[what])}")
    notify(f"{what}/list_changed")


def many(count):
    """All at once, before any answer is read."""
    for i in range(count):
        answers[f"many-{i}"] = queue.Queue()
    for i in range(count):
        send({"id": f"many-{i}", "method": "elicitation/create", "params": {"i": i}})
    got = [answers[f"many-{i}"].get(timeout=20) for i in range(min(count, 64))]
    return sum("result" in one for one in got)


def withdraw(arguments):
    """Asks, and takes it back. With `beside` another question stays."""
    ident, kept = f"w-{time.monotonic_ns()}", queue.Queue()
    answers[ident] = queue.Queue()
    if arguments.get("beside"):
        answers[ident + "-kept"] = kept
        send({"id": ident + "-kept", "method": "sampling/createMessage", "params": {}})
    form = {"message": "?", "requestedSchema": {"type": "object", "properties": {}}}
    send({"id": ident, "method": "elicitation/create", "params": form})
    time.sleep(arguments.get("after", 0.3))
    notify("cancelled", {"requestId": ident, "reason": "not needed"})
    got = kept.get(timeout=20).get("result") if arguments.get("beside") else None
    time.sleep(arguments.get("then", 0.3))
    return {"withdrawn": answers[ident].qsize(), "kept": got}


def elicitation(arguments):
    return {"mode": "url", "message": "Visit", "elicitationId": arguments.get("id", "e-1"),
            "url": "https://example.test/visit"}


def ask_both():
    """Two forms side by side, one property each, and a third whose key the server names."""
    fields = {f"b-{i}": {"message": "?", "requestedSchema": {
        "type": "object", "properties": {"name": {"type": "string"}}}} for i in range(3)}
    fields["b-2"]["_meta"] = {"io.satgate/inputKey": "user_name"}
    for ident, params in fields.items():
        answers[ident] = queue.Queue()
        send({"id": ident, "method": "elicitation/create", "params": params})
    return [answers[ident].get(timeout=20).get("result") for ident in fields]


def asked_round(params, ident):
    """input_required until the wanted number of rounds has been answered."""
    arguments = params.get("arguments", {})
    done = json.loads(params.get("requestState", "0"))
    if params.get("inputResponses") is not None:
        done += 1
    if done >= arguments.get("rounds", 1):
        return text({"responses": params.get("inputResponses"), "id": ident, "done": done})
    requests = {f"k{done}": {"method": arguments.get("method", "elicitation/create"),
                             "params": {"round": done}}}
    return {"resultType": "input_required", "inputRequests": requests,
            "requestState": json.dumps(done)}


def log_all():
    for level in ("debug", "info", "warning", "error"):
        notify("message", {"level": level, "data": level})


def call(ident, params):
    name, arguments = params["name"], params.get("arguments", {})
    if name == "wait":
        time.sleep(arguments.get("seconds", 5))
    if name == "logs":
        log_all()
    if name == "grow":
        grow(arguments["what"])
    if name == "glance":  # over before anybody can be asked
        threading.Thread(target=lambda: state.update(changed=ask("roots/list")),
                         daemon=True).start()
    if name == "touch":
        notify("resources/updated", {"uri": arguments["uri"]})
    if name == "rounds":
        return asked_round(params, ident)
    if name == "endless":
        return {"resultType": "input_required", "requestState": "again"}
    asks = {"sample": "sampling/createMessage", "elicit": "elicitation/create",
            "roots": "roots/list"}
    if name in asks:
        return text(ask(asks[name], {"from": ident, **arguments}))
    if name == "many":
        return text(many(arguments["count"]))
    if name == "withdraw":
        return text(withdraw(arguments))
    if name == "visit":
        return text(ask("elicitation/create", elicitation(arguments)))
    if name == "ask_both":
        return text(ask_both())
    if name == "twice":
        answers["same"] = queue.Queue()
        for i in (1, 2):
            send({"id": "same", "method": "elicitation/create", "params": {"i": i}})
        answers["same"].get(timeout=20)
        time.sleep(0.1)
        return text(answers["same"].qsize())
    told = {"pid": os.getpid(), "declared": state["declared"], "meta": params.get("_meta"),
            "told": {k: state[k] for k in ("levels", "watched", "cancelled", "filters", "roots",
                                           "changed")}}
    return text(told.get(name, params))


def run_call(ident, params):
    arguments = params.get("arguments", {})
    if params["name"] == "must_visit":
        send({"id": ident, "error": {"code": -32042, "message": "Visit first", "data": {
            "elicitations": [elicitation(arguments)], "more": 1.50}}})
    else:
        send({"id": ident, "result": call(ident, params)})
    if params["name"] in ("visit", "must_visit"):
        time.sleep(0.2)
        for _ in range(2):  # the second says nothing new
            notify("elicitation/complete", {"elicitationId": arguments.get("id", "e-1")})
    if params["name"] == "late":  # nobody is there to be asked any more
        got = ask("elicitation/create", {"late": True})
        state["levels"].append(got)


def listing(method):
    if ERA == "huge":  # page after page, and no page is the last
        kind = method.split("/")[-2]
        key = {"tools": "tools", "prompts": "prompts", "templates": "resourceTemplates"}.get(
            kind, "resources")
        state["page"] = state.get("page", 0) + 1
        return {key: [{"name": f"n{state['page']}-{i}", "uri": f"u{state['page']}-{i}",
                       "uriTemplate": f"t{state['page']}-{i}", "x": "x" * 1000}
                      for i in range(500)], "nextCursor": ""}
    if method == "tools/list":
        return {"tools": [{"name": n, "inputSchema": {"type": "object"}}
                          for n in names + state["tools"]]}
    if method == "prompts/list":
        return {"prompts": [{"name": n} for n in state["prompts"]]}
    if method == "resources/list":
        return {"resources": [{"uri": n, "name": n} for n in state["resources"]]}
    if method == "resources/templates/list":
        return {"resourceTemplates": [{"uriTemplate": "test://t/{id}", "name": "t"}]}
    return None


def abilities():
    return {"tools": {"listChanged": True}, "prompts": {"listChanged": True}, "logging": {},
            "completions": {}, "resources": {"subscribe": True, "listChanged": True}}


def legacy_result(method, params):
    if method == "initialize":
        state["declared"] = params["capabilities"]
        return {"protocolVersion": params["protocolVersion"], "capabilities": abilities(),
                "serverInfo": {"name": "asking", "version": ERA}}
    if method == "logging/setLevel":
        state["levels"].append(params["level"])
        return {}
    if method in ("resources/subscribe", "resources/unsubscribe"):
        if params["uri"] == "test://t/locked":
            return None
        if method == "resources/subscribe":
            state["watched"].append(params["uri"])
        else:
            state["watched"].remove(params["uri"])
        return {}
    return listing(method)


def modern_result(ident, method, params):
    if method == "server/discover":
        info = {MODERN_META + "serverInfo": {"name": "asking", "version": ERA}}
        return {"supportedVersions": ["2026-07-28"], "capabilities": abilities(), "_meta": info,
                "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
    if method == "subscriptions/listen":
        state["filters"].append(params["notifications"])
        state["listen"] = ident
        notify("subscriptions/acknowledged", {"notifications": params["notifications"]})
        return "later"
    return listing(method)


def is_modern(message):
    meta = message.get("params", {}).get("_meta", {})
    return MODERN_META + "protocolVersion" in meta


def respond(message):
    ident, method, params = message["id"], message["method"], message.get("params", {})
    modern = is_modern(message) and ERA in ("modern", "dual")
    legacy = not is_modern(message) and ERA != "modern"
    result = None
    if is_modern(message) and not modern:
        if ERA == "silent":
            return
        if ERA in ("fragile", "slow"):
            os._exit(1)
    if method == "tools/call" and (modern or legacy):
        return threading.Thread(target=run_call, args=(ident, params), daemon=True).start()
    if method in ("prompts/get", "resources/read", "completion/complete"):
        result = {"echo": params, "resultType": "complete"}
    elif modern:
        result = modern_result(ident, method, params)
    elif legacy:
        result = legacy_result(method, params)
    if result == "later":
        return
    if result is None:
        return send({"id": ident, "error": {"code": -32601, "message": "Method not found"}})
    send({"id": ident, "result": result})


if ERA == "slow":
    time.sleep(0.6)
for line in sys.stdin:
    incoming = json.loads(line)
    if "method" not in incoming:
        if incoming["id"] in answers:
            answers[incoming["id"]].put(incoming)
    elif "id" in incoming:
        respond(incoming)
    elif incoming["method"] == "notifications/initialized" and "roots" in state["declared"]:
        threading.Thread(target=lambda: state.update(roots=ask("roots/list")), daemon=True).start()
    elif incoming["method"] == "notifications/roots/list_changed":
        threading.Thread(target=lambda: state.update(changed=ask("roots/list")),
                         daemon=True).start()
    elif incoming["method"] == "notifications/cancelled":
        state["cancelled"].append(incoming["params"])
