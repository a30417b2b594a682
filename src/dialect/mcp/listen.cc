// What servers ask of clients and say to them: rounds, changes, subscriptions.
#include <algorithm>

#include "base/json_out.h"
#include "dialect/mcp/reply.h"

namespace satgate::dialect::mcp {
namespace {

constexpr std::string_view kMetaSubscription = "io.modelcontextprotocol/subscriptionId";
constexpr size_t kUrisMax = 256;  // of one subscription; more are not honoured

std::string_view method_of(Change change) {
  switch (change) {
    case Change::tools:
      return "notifications/tools/list_changed";
    case Change::prompts:
      return "notifications/prompts/list_changed";
    case Change::resources:
      return "notifications/resources/list_changed";
    case Change::resource:
      return "notifications/resources/updated";
  }
  return {};
}

void write_subscription(JsonOut& json, std::string_view subscription) {
  if (subscription.empty()) return;
  json.key("_meta").object().member(kMetaSubscription).raw(subscription).end();
}

std::unexpected<RpcError> refuse(std::string message) {
  return std::unexpected(
      RpcError{.code = kInvalidParams, .message = std::move(message), .http_status = 400});
}

RpcResult<std::vector<std::string>> read_uris(std::string_view raw, RawJson& json) {
  std::vector<std::string> uris;
  const auto elements = json.elements(raw, kUrisMax);
  if (!elements) return refuse("Invalid params: resourceSubscriptions is no list of at most 256");
  for (const std::string_view element : *elements) {
    const auto uri = json.unescape(element);
    if (!uri) return refuse("Invalid params: a resource subscription is no string");
    uris.emplace_back(*uri);
  }
  return uris;
}

RpcResult<void> read_filter_member(const RawMember& member, ListenFilter& filter, RawJson& json) {
  bool* flag = member.key == "toolsListChanged"       ? &filter.tools
               : member.key == "promptsListChanged"   ? &filter.prompts
               : member.key == "resourcesListChanged" ? &filter.resources
                                                      : nullptr;
  if (flag != nullptr) {
    if (member.value != "true" && member.value != "false") {
      return refuse("Invalid params: " + std::string(member.key) + " is neither true nor false");
    }
    *flag = member.value == "true";
  } else if (member.key == "resourceSubscriptions") {
    TRY_ASSIGN(filter.uris, read_uris(member.value, json));
  }
  return {};
}

}  // namespace

void append_input_required(std::string& out, std::string_view id, std::span<const AskView> asks,
                           std::string_view state) {
  std::string result;
  JsonOut json(result);
  json.object().key("resultType").string("input_required").key("inputRequests").object();
  for (const AskView& ask : asks) {
    json.member(ask.key).object().key("method").string(ask.method);
    if (!ask.params.empty()) json.key("params").raw(ask.params);
    json.end();
  }
  json.end().key("requestState").string(state).end();
  append_result(out, id, result);
}

void append_change(std::string& out, Change change, std::string_view uri,
                   std::string_view subscription) {
  std::string params;
  JsonOut json(params);
  json.object();
  if (change == Change::resource) json.key("uri").string(uri);
  write_subscription(json, subscription);
  json.end();
  append_notification(out, method_of(change), params == "{}" ? std::string_view() : params);
}

RpcResult<ListenFilter> read_listen(std::string_view params, RawJson& json) {
  ListenFilter filter;
  const auto members = json.members(params.empty() ? "{}" : params);
  if (!members) return refuse("Invalid params: " + members.error().message);
  for (const RawMember& member : *members) {
    if (member.key != "notifications") continue;
    const auto wanted = json.members(member.value);
    if (!wanted) return refuse("Invalid params: notifications is no object");
    for (const RawMember& each : *wanted)
      TRY(read_filter_member(each, filter, json));
  }
  return filter;
}

void append_listen_acknowledged(std::string& out, const ListenFilter& honoured,
                                std::string_view subscription) {
  std::string params;
  JsonOut json(params);
  json.object().key("notifications").object();
  if (honoured.tools) json.key("toolsListChanged").boolean(true);
  if (honoured.prompts) json.key("promptsListChanged").boolean(true);
  if (honoured.resources) json.key("resourcesListChanged").boolean(true);
  if (!honoured.uris.empty()) {
    json.key("resourceSubscriptions").array();
    for (const std::string& uri : honoured.uris)
      json.string(uri);
    json.end_array();
  }
  json.end();
  write_subscription(json, subscription);
  json.end();
  append_notification(out, "notifications/subscriptions/acknowledged", params);
}

void append_listen_ended(std::string& out, std::string_view subscription) {
  std::string result;
  JsonOut json(result);
  json.object().key("resultType").string("complete");
  write_subscription(json, subscription);
  json.end();
  append_result(out, subscription, result);
}

RpcResult<RoundReply> read_round_reply(std::string_view params, RawJson& json) {
  RoundReply reply;
  const auto members = json.members(params.empty() ? "{}" : params);
  if (!members) return refuse("Invalid params: " + members.error().message);
  for (const RawMember& member : *members) {
    if (member.key == "inputResponses") {
      if (!member.value.starts_with('{')) {
        return refuse("Invalid params: inputResponses is no object");
      }
      reply.responses = member.value;
    } else if (member.key == "requestState") {
      const auto state = json.unescape(member.value);
      if (!state || state->empty()) return refuse("Invalid params: requestState is no string");
      reply.state = *state;
    }
  }
  return reply;
}

RpcResult<CompletionRef> read_completion_ref(std::string_view params, RawJson& json) {
  CompletionRef ref;
  const auto members = json.members(params.empty() ? "{}" : params);
  if (!members) return refuse("Invalid params: " + members.error().message);
  const auto found = std::ranges::find(*members, "ref", &RawMember::key);
  const auto parts = json.members(found == members->end() ? "{}" : found->value);
  if (!parts) return refuse("Invalid params: ref is no object");
  for (const RawMember& part : *parts) {
    const auto text = json.unescape(part.value);
    if (!text) continue;
    if (part.key == "type") ref.is_prompt = *text == "ref/prompt";
    if (part.key == "name" || part.key == "uri") ref.name = *text;
  }
  if (ref.name.empty()) return refuse("Invalid params: ref names nothing");
  return ref;
}

}  // namespace satgate::dialect::mcp
