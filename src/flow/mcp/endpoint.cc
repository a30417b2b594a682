#include "flow/mcp/endpoint.h"

#include <fmt/format.h>

#include "base/text.h"
#include "flow/credential.h"
#include "flow/exchange.h"
#include "flow/mcp/hub.h"
#include "flow/mcp/tool_call.h"
#include "flow/mcp/visibility.h"
#include "flow/respond.h"
#include "wire/url.h"

namespace satgate::flow::mcp {

namespace dm = dialect::mcp;

namespace {

bool is_loopback(std::string_view host) {
  return host == "localhost" || host.starts_with("127.") || host == "::1";
}

// A browser page must not reach a gateway on the loopback by DNS rebinding (MCP, "Security"): there
// a page's own name may point to us, so an Origin that equals the Host proves nothing.
bool origin_is_fine(const wire::RequestHead& request, const Settings& settings) {
  const auto origin = request.fields.find("origin");
  if (!origin) return true;
  const size_t scheme = origin->find("://");
  if (scheme == origin->npos) return false;
  const auto authority = wire::parse_authority(origin->substr(scheme + 3));
  if (!authority) return false;
  if (is_loopback(authority->host)) return true;
  const auto listener = wire::parse_authority(settings.server.address);
  if (!listener || is_loopback(listener->host)) return false;
  const auto own = wire::parse_authority(request.host);
  return own && equals_ignore_case(own->host, authority->host);
}

// What is offered here is what is governed: tools. Resources and prompts have no price yet.
constexpr dm::Capabilities kCapabilities{.tools = true,
                                         .tools_list_changed = false,
                                         .resources = false,
                                         .prompts = false,
                                         .completions = false,
                                         .logging = false};

// For requests that spend nothing: who is it? A conversation that is never forwarded.
class Handshake final : public Conversation {
 public:
  Handshake(const Settings& settings, const Call& call, Credential credential)
      : settings_(settings), call_(call), credential_(credential) {}
  const Call& call() const override { return call_; }
  const Settings& settings() const override { return settings_; }
  Credential credential() const override { return credential_; }
  net::Task<bool> add_content(SipHash&) override { co_return false; }
  net::Task<flow::Outcome> forward(const Passing&) override { co_return flow::Outcome{}; }
  net::Task<> complete(const Settled&) override { co_return; }
  net::Task<> refuse(const Denial&) override { co_return; }
  net::Task<> fail(const Fault&) override { co_return; }

 private:
  const Settings& settings_;
  const Call& call_;
  Credential credential_;
};

bool any_observing(const Settings& settings) {
  for (const ServerConfig& server : settings.mcp_servers) {
    if (settings.mcp_mode(server.name) == Mode::observe) return true;
  }
  return false;
}

}  // namespace

struct Endpoint::Visit {
  Visit(net::ServerExchange& exchange, const Call& first, Snapshot snapshot)
      : http(exchange),
        base(first),
        settings(std::move(snapshot.settings)),
        hub(std::move(snapshot.hub)) {}

  net::ServerExchange& http;
  Call base;
  Call call;  // the tools/call at hand
  std::shared_ptr<const Settings> settings;
  std::shared_ptr<Hub> hub;
  std::shared_ptr<const dm::Catalogue> catalogue;
  Credential credential;
  dm::McpHeaders headers;
  dm::RawJson json;
  std::string answers;  // responses; joined by commas in a batch
  std::unique_ptr<ToolCall>
      last_call;  // its figures stand in the head of an answer that is one call
  int status = 200;
  bool is_batch = false;

  void begin_answer() {
    if (!answers.empty()) answers += ',';
  }
  void answer_error(std::string_view id, const dm::RpcError& error) {
    begin_answer();
    dm::append_error(answers, id, error);
    status = error.http_status;
  }
  void answer_result(std::string_view id, std::string_view result) {
    begin_answer();
    dm::append_result(answers, id, result);
  }
};

net::Task<> Endpoint::handle(net::ServerExchange& http, Call call, Snapshot snapshot) {
  call.protocol = Protocol::mcp;
  call.route = "mcp";
  const wire::RequestHead& request = http.request();
  if (!origin_is_fine(request, *snapshot.settings)) {
    co_return co_await respond_error(http, Protocol::mcp, call.id, 403, "origin_denied",
                                     "Requests from this web origin are not accepted.");
  }
  if (request.method != "POST") {
    http.response(405).field("allow", "POST").field("x-request-id", to_string(call.id));
    (void)co_await http.send("");
    co_return;
  }
  co_await handle_post(http, call, std::move(snapshot));
}

net::Task<> Endpoint::handle_post(net::ServerExchange& http, Call call, Snapshot snapshot) {
  if (!snapshot.hub) {
    co_return co_await respond_error(http, Protocol::mcp, call.id, 503, "gateway_failed",
                                     "The MCP servers are not started.");
  }
  Visit visit(http, call, std::move(snapshot));
  visit.catalogue = visit.hub->catalogue();
  visit.credential = find_credential(http.request().fields);
  const Settings& settings = *visit.settings;
  visit.base.mode = any_observing(settings) ? Mode::observe : settings.mode;
  const Handshake handshake(settings, visit.base, visit.credential);
  if (const std::optional<Denial> denial = judge_credential(worker_, handshake)) {
    co_return co_await respond_denial(http, visit.base, *denial, settings);
  }
  const auto body = co_await http.read_body_all(settings.body_bytes_max);
  if (!body) co_return co_await respond_fault(http, visit.base, body.error());
  const wire::Fields& fields = http.request().fields;
  visit.headers = {fields.find("mcp-protocol-version"), fields.find("mcp-method"),
                   fields.find("mcp-name")};
  auto envelope = dm::read_envelope(*body, visit.json);
  if (!envelope) {
    visit.answer_error({}, envelope.error());
  } else {
    co_await answer_messages(visit, *envelope);
  }
  if (visit.answers.empty()) {
    http.response(202);
    (void)co_await http.send("");
    co_return;
  }
  wire::HeadWriter& head = http.response(visit.status);
  head.field("content-type", "application/json");
  if (visit.last_call && !visit.is_batch) {
    visit.last_call->write_fields(head);
  } else {
    head.field("x-request-id", to_string(call.id));
  }
  if (visit.status >= 400) head.field("x-should-retry", "false");
  (void)co_await http.send(visit.answers);
}

net::Task<> Endpoint::answer_messages(Visit& visit, const dm::Envelope& envelope) {
  for (const dm::Message& message : envelope.messages)
    co_await answer_message(visit, message);
  if (envelope.is_batch && !visit.answers.empty()) {
    visit.answers = fmt::format("[{}]", visit.answers);
    visit.status = 200;
  }
}

net::Task<> Endpoint::answer_message(Visit& visit, const dm::Message& message) {
  // Answers to requests of ours, and notifications: taken, nothing to say.
  if (message.kind != dm::Message::Kind::request) co_return;
  const auto era = dm::classify(message, visit.headers, visit.json);
  if (!era) {
    visit.answer_error(message.id, era.error());
    co_return;
  }
  co_await answer_request(visit, message, *era);
}

net::Task<> Endpoint::answer_request(Visit& visit, const dm::Message& message, dm::Era era) {
  const std::string_view method = message.method;
  if (method == "tools/call") co_return co_await call_tool(visit, message, era);
  if (method == "tools/list") {
    list_tools(visit, message, era);
  } else if (method == "initialize") {
    initialize(visit, message);
  } else if (method == "server/discover") {
    std::string result;
    dm::append_discover_result(result, kCapabilities, {.version = SATGATE_VERSION});
    visit.answer_result(message.id, result);
  } else if (method == "ping" || method == "logging/setLevel") {
    std::string result;
    dm::append_empty_result(result, era);
    visit.answer_result(message.id, result);
  } else {
    answer_unoffered(visit, message, era);
  }
}

void Endpoint::initialize(Visit& visit, const dm::Message& message) {
  auto version = dm::read_string_member(message.params, "protocolVersion", visit.json);
  if (!version) return visit.answer_error(message.id, version.error());
  std::string result;
  dm::append_initialize_result(result, dm::negotiate(version->value_or("")), kCapabilities,
                               {.version = SATGATE_VERSION});
  visit.answer_result(message.id, result);
}

void Endpoint::list_tools(Visit& visit, const dm::Message& message, dm::Era era) {
  const auto tools =
      visible_tools(worker_, *visit.settings, *visit.catalogue, visit.credential, visit.base);
  std::string result;
  dm::append_tools_list(result, tools, era, visit.settings->currency);
  visit.answer_result(message.id, result);
}

net::Task<> Endpoint::call_tool(Visit& visit, const dm::Message& message, dm::Era era) {
  const auto asked = dm::read_tool_call(message.params, visit.json);
  if (!asked) {
    visit.answer_error(message.id, asked.error());
    co_return;
  }
  const dm::CatalogueEntry* entry = visit.catalogue->find(asked->name);
  if (entry == nullptr) {
    visit.answer_error(message.id,
                       {dm::kInvalidParams, fmt::format("Unknown tool: {}", asked->name), {}, 200});
    co_return;
  }
  visit.call = tool_call_of(*visit.settings, *entry, visit.base);
  visit.call.id = ordered_id<RequestId>(visit.base.at);
  visit.call.input_bytes = message.params.size();
  const ToolCall::Request request{message.id, message.params, asked->arguments, era};
  visit.last_call = std::make_unique<ToolCall>(*visit.settings, *visit.hub, visit.json, visit.call,
                                               visit.credential, request);
  co_await exchange(worker_, *visit.last_call);
  visit.begin_answer();
  visit.answers += visit.last_call->answer();
  visit.status = visit.last_call->http_status();
}

// What has no price does not pass. Lists are empty, so that clients that ask anyway are content.
void Endpoint::answer_unoffered(Visit& visit, const dm::Message& message, dm::Era era) {
  const std::string_view method = message.method;
  if (method == "resources/list" || method == "prompts/list" ||
      method == "resources/templates/list") {
    const std::string_view member = method == "prompts/list"     ? "prompts"
                                    : method == "resources/list" ? "resources"
                                                                 : "resourceTemplates";
    std::string result;
    dm::append_empty_list(result, member, era);
    visit.answer_result(message.id, result);
    return;
  }
  const std::string text = fmt::format("Method not found: {}", method);
  const int status = era == dm::Era::modern ? 404 : 200;
  visit.answer_error(message.id, {dm::kMethodNotFound, text, {}, status});
}

}  // namespace satgate::flow::mcp
