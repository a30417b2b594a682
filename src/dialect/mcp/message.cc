#include "dialect/mcp/message.h"

#include <algorithm>
#include <span>

#include "base/json_out.h"
#include "base/text.h"
#include "dialect/mcp/version.h"

namespace satgate::dialect::mcp {
namespace {

// For what stands around params or a result, so that a text need not grow in steps.
constexpr size_t kEnvelopeRoom = 160;
constexpr std::string_view kEnvelopeKeys[] = {"jsonrpc", "id",     "method",
                                              "params",  "result", "error"};
constexpr std::string_view kParamsKeys[] = {
    "name", "arguments", "_meta", "uri", "cursor", "task", "inputResponses", "requestState"};
constexpr std::string_view kMetaKeys[] = {"progressToken", kMetaProtocolVersion, kMetaClientInfo,
                                          kMetaClientCapabilities, kMetaLogLevel};

std::unexpected<RpcError> refuse(int code, std::string message) {
  return std::unexpected(RpcError{.code = code, .message = std::move(message), .http_status = 400});
}

// Clients of legacy revisions take a status other than 200 for a broken transport.
std::unexpected<RpcError> refuse_params(std::string message) {
  return std::unexpected(RpcError{
      .code = kInvalidParams, .message = "Invalid params: " + message, .http_status = 200});
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

// A known key appears once, and nothing looks like it: a reader that folds case, as Go's does, must
// find the same member. Beyond ASCII there are letters that fold into ASCII ones (U+017F, U+212A).
bool is_unambiguous(const std::vector<RawMember>& members, std::span<const std::string_view> known,
                    bool foldable) {
  for (size_t i = 0; i < members.size(); ++i) {
    const std::string_view key = members[i].key;
    if (foldable && !is_ascii(key)) return false;
    for (const std::string_view k : known) {
      if (foldable && key != k && equals_ignore_case(key, k)) return false;
      if (key != k) continue;
      for (size_t j = 0; j < i; ++j) {
        if (members[j].key == key) return false;
      }
    }
  }
  return true;
}

std::string_view member(const std::vector<RawMember>& members, std::string_view key) {
  for (const RawMember& m : members) {
    if (m.key == key) return m.value;
  }
  return {};
}

bool is_string(std::string_view raw) {
  return !raw.empty() && raw.front() == '"';
}
bool is_object(std::string_view raw) {
  return !raw.empty() && raw.front() == '{';
}

bool is_integer(std::string_view raw) {
  if (!raw.empty() && raw.front() == '-') raw.remove_prefix(1);
  return !raw.empty() &&
         std::all_of(raw.begin(), raw.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_id(std::string_view raw) {
  return raw.size() <= kIdBytesMax && (is_string(raw) || is_integer(raw));
}

Result<Message> request_of(const std::vector<RawMember>& members, RawJson& json) {
  Message message;
  TRY_ASSIGN(message.method, json.unescape(member(members, "method")));
  if (message.method.empty()) return fail("method is empty");
  message.id = member(members, "id");
  message.kind = message.id.empty() ? Message::Kind::notification : Message::Kind::request;
  if (!message.id.empty() && !is_id(message.id)) return fail("id is no string and no integer");
  message.params = member(members, "params");
  if (message.params == "null") message.params = {};
  if (!message.params.empty() && !is_object(message.params)) return fail("params is no object");
  return message;
}

Result<Message> response_of(const std::vector<RawMember>& members) {
  Message message;
  message.kind = Message::Kind::response;
  message.id = member(members, "id");
  message.result = member(members, "result");
  message.error = member(members, "error");
  if (message.error == "null") message.error = {};
  if (message.result == "null" && !message.error.empty()) message.result = {};
  if (message.result.empty() == message.error.empty()) {
    return fail("neither a method, nor one of result and error");
  }
  if (!message.error.empty() && !is_object(message.error)) return fail("error is no object");
  const bool anonymous = message.id == "null" && !message.error.empty();
  if (!anonymous && !is_id(message.id)) return fail("id is no string and no integer");
  return message;
}

Result<Message> message_of(std::string_view text, bool foldable, RawJson& json) {
  if (!is_object(text)) return fail("not a JSON-RPC message");
  TRY_ASSIGN(const auto members, json.members(text));
  if (!is_unambiguous(members, kEnvelopeKeys, foldable)) {
    return fail("a member appears twice or in a look-alike spelling");
  }
  if (member(members, "jsonrpc") != "\"2.0\"") return fail("jsonrpc is not \"2.0\"");
  if (!member(members, "method").empty()) return request_of(members, json);
  return response_of(members);
}

RpcResult<std::vector<RawMember>> params_of(std::string_view params, RawJson& json) {
  if (params.empty()) return std::vector<RawMember>();
  auto members = json.members(params);
  if (!members) return refuse_params(members.error().message);
  if (!is_unambiguous(*members, kParamsKeys, true)) {
    return refuse_params("a member appears twice or in a look-alike spelling");
  }
  return std::move(*members);
}

RpcResult<std::string_view> string_of(std::string_view raw, std::string_view key, RawJson& json) {
  if (raw.empty()) return std::string_view();
  const auto text = json.unescape(raw);
  if (!text) return refuse_params(std::string(key) + " is not a string");
  return *text;
}

RpcResult<RequestMeta> meta_of(std::string_view raw, RawJson& json) {
  RequestMeta meta;
  if (raw.empty()) return meta;
  if (!is_object(raw)) return refuse(kInvalidParams, "Invalid params: _meta is no object");
  const auto members = json.members(raw);
  if (!members || !is_unambiguous(*members, kMetaKeys, false)) {
    return refuse(kInvalidParams, "Invalid params: _meta is ambiguous");
  }
  meta.present = true;
  meta.progress_token = member(*members, "progressToken");
  if (!meta.progress_token.empty() && !is_id(meta.progress_token)) {
    return refuse(kInvalidParams, "Invalid params: progressToken is no string and no integer");
  }
  TRY_ASSIGN(meta.protocol_version,
             string_of(member(*members, kMetaProtocolVersion), "protocolVersion", json));
  TRY_ASSIGN(meta.log_level, string_of(member(*members, kMetaLogLevel), "logLevel", json));
  meta.client_info = member(*members, kMetaClientInfo);
  meta.client_capabilities = member(*members, kMetaClientCapabilities);
  if (!meta.client_capabilities.empty() && !is_object(meta.client_capabilities)) {
    return refuse(kInvalidParams, "Invalid params: clientCapabilities is no object");
  }
  return meta;
}

// The members of `_meta` that may travel on, each followed by a comma.
Result<std::string> travelling_meta(std::string_view raw, RawJson& json) {
  std::string out;
  if (raw.empty()) return out;
  TRY_ASSIGN(const auto members, json.members(raw));
  for (const RawMember& m : members) {
    if (m.key == "progressToken" || m.key.starts_with("io.modelcontextprotocol/") ||
        m.key.starts_with("io.satgate/")) {
      continue;
    }
    append_json_string(out, m.key);
    out.append(":").append(m.value).append(",");
  }
  return out;
}

Result<std::string> with_name(std::string_view raw, std::string_view name, RawJson& json) {
  TRY_ASSIGN(const auto members, json.members(raw));
  std::string out;
  JsonOut object(out);
  object.object();
  for (const RawMember& m : members) {
    object.member(m.key);
    if (m.key == "name") {
      object.string(name);
    } else {
      object.raw(m.value);
    }
  }
  object.end();
  return out;
}

void append_envelope(std::string& out, std::string_view id) {
  out += R"({"jsonrpc":"2.0")";
  if (!id.empty()) out.append(R"(,"id":)").append(id);
}

}  // namespace

RpcResult<Envelope> read_envelope(std::string_view text, RawJson& json) {
  text = text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  if (const auto checked = json.check(text); !checked) {
    return refuse(kParseError, "Parse error: " + checked.error().message);
  }
  Envelope envelope;
  std::vector<std::string_view> parts = {text};
  if (text.front() == '[') {
    envelope.is_batch = true;
    auto elements = json.elements(text, kBatchMax);
    if (!elements) return refuse(kInvalidRequest, "Invalid request: " + elements.error().message);
    if (elements->empty()) return refuse(kInvalidRequest, "Invalid request: an empty batch");
    parts = std::move(*elements);
  }
  for (const std::string_view part : parts) {
    const auto message = message_of(part, true, json);
    if (!message) return refuse(kInvalidRequest, "Invalid request: " + message.error().message);
    envelope.messages.push_back(*message);
  }
  return envelope;
}

Result<Message> read_upstream(std::string_view text, RawJson& json) {
  text = text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  TRY(json.check(text));
  return message_of(text, false, json);
}

RpcResult<RequestMeta> read_meta(std::string_view params, RawJson& json) {
  TRY_ASSIGN(const auto members, params_of(params, json));
  return meta_of(member(members, "_meta"), json);
}

RpcResult<ToolCall> read_tool_call(std::string_view params, RawJson& json) {
  TRY_ASSIGN(const auto members, params_of(params, json));
  ToolCall call;
  TRY_ASSIGN(call.name, string_of(member(members, "name"), "name", json));
  if (call.name.empty() || call.name.size() > kToolNameBytesMax) {
    return refuse_params("name must have 1 to 128 characters");
  }
  call.arguments = member(members, "arguments");
  if (call.arguments == "null") call.arguments = {};
  if (!call.arguments.empty() && !is_object(call.arguments)) {
    return refuse_params("arguments is no object");
  }
  TRY_ASSIGN(call.meta, meta_of(member(members, "_meta"), json));
  return call;
}

RpcResult<std::string_view> read_named(std::string_view method, std::string_view params,
                                       RawJson& json) {
  const bool by_name = method == "tools/call" || method == "prompts/get";
  if (!by_name && method != "resources/read") return std::string_view();
  TRY_ASSIGN(const auto members, params_of(params, json));
  const std::string_view key = by_name ? "name" : "uri";
  return string_of(member(members, key), key, json);
}

RpcResult<std::optional<std::string_view>> read_string_member(std::string_view params,
                                                              std::string_view key, RawJson& json) {
  TRY_ASSIGN(const auto members, params_of(params, json));
  const std::string_view raw = member(members, key);
  if (raw.empty()) return std::nullopt;
  TRY_ASSIGN(const auto text, string_of(raw, key, json));
  return text;
}

Result<void> append_params(std::string& out, std::string_view params, const ParamsRewrite& rewrite,
                           RawJson& json) {
  std::vector<RawMember> members;
  if (!params.empty()) {
    TRY_ASSIGN(members, json.members(params));
  }
  TRY_ASSIGN(std::string meta, travelling_meta(member(members, "_meta"), json));
  if (!rewrite.progress_token.empty()) {
    meta.append(R"("progressToken":)").append(rewrite.progress_token).append(",");
  }
  if (!rewrite.modern_meta.empty()) meta.append(rewrite.modern_meta).append(",");
  if (!meta.empty()) meta.pop_back();

  const bool next_round = !rewrite.input_responses.empty() || !rewrite.request_state.empty();
  out.reserve(out.size() + params.size() + rewrite.name.size() + rewrite.input_responses.size() +
              meta.size() + kEnvelopeRoom);
  JsonOut object(out);
  object.object();
  for (const RawMember& m : members) {
    if (m.key == "_meta") continue;
    if (next_round && (m.key == "inputResponses" || m.key == "requestState")) continue;
    object.member(m.key);
    if (m.key == "name" && !rewrite.name.empty()) {
      object.string(rewrite.name);
    } else if (m.key == "ref" && !rewrite.ref_name.empty() && is_object(m.value)) {
      TRY_ASSIGN(const auto ref, with_name(m.value, rewrite.ref_name, json));
      object.raw(ref);
    } else {
      object.raw(m.value);
    }
  }
  if (!rewrite.input_responses.empty()) object.key("inputResponses").raw(rewrite.input_responses);
  if (!rewrite.request_state.empty()) object.key("requestState").raw(rewrite.request_state);
  if (!meta.empty()) object.key("_meta").raw("{" + meta + "}");
  object.end();
  return {};
}

Result<std::string_view> read_progress_token(std::string_view params, RawJson& json) {
  TRY_ASSIGN(const auto members, json.members(params));
  const std::string_view token = member(members, "progressToken");
  if (!is_id(token)) return fail("no progressToken");
  return token;
}

Result<void> append_progress_params(std::string& out, std::string_view params,
                                    std::string_view token, RawJson& json) {
  TRY_ASSIGN(const auto members, json.members(params));
  JsonOut object(out);
  object.object();
  for (const RawMember& m : members) {
    object.member(m.key).raw(m.key == "progressToken" ? token : m.value);
  }
  object.end();
  return {};
}

void append_request(std::string& out, std::string_view id, std::string_view method,
                    std::string_view params) {
  out.reserve(out.size() + params.size() + kEnvelopeRoom);
  append_envelope(out, id);
  out += R"(,"method":)";
  append_json_string(out, method);
  if (!params.empty()) out.append(R"(,"params":)").append(params);
  out += '}';
}

void append_notification(std::string& out, std::string_view method, std::string_view params) {
  append_request(out, {}, method, params);
}

void append_result(std::string& out, std::string_view id, std::string_view result) {
  out.reserve(out.size() + result.size() + kEnvelopeRoom);
  begin_result(out, id);
  out.append(result).append("}");
}

void begin_result(std::string& out, std::string_view id) {
  append_envelope(out, id);
  out += R"(,"result":)";
}

void append_error(std::string& out, std::string_view id, std::string_view raw_error) {
  append_envelope(out, id.empty() ? "null" : id);
  out.append(R"(,"error":)").append(raw_error).append("}");
}

std::string error_object(const RpcError& error) {
  std::string raw;
  JsonOut json(raw);
  json.object().key("code").integer(error.code).key("message").string(error.message);
  if (!error.data.empty()) json.key("data").raw(error.data);
  json.end();
  return raw;
}

void append_error(std::string& out, std::string_view id, const RpcError& error) {
  append_error(out, id, error_object(error));
}

void readdress(std::string& response, std::string_view before, std::string_view id) {
  std::string old_head, head;
  append_envelope(old_head, before);
  append_envelope(head, id);
  if (response.starts_with(old_head)) response.replace(0, old_head.size(), head);
}

}  // namespace satgate::dialect::mcp
