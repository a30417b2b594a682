// Requests that go to a server: what they are about, the call that they become, and its answer.
#include <fmt/format.h>

#include <algorithm>

#include "base/json_out.h"
#include "flow/caller.h"
#include "flow/credential.h"
#include "flow/mcp/endpoint.h"
#include "flow/mcp/payment_meta.h"
#include "flow/mcp/visibility.h"

namespace satgate::flow::mcp {

namespace dm = dialect::mcp;

namespace {

std::unexpected<dm::RpcError> refuse(std::string message, std::string data = {}) {
  return std::unexpected(
      dm::RpcError{dm::kInvalidParams, std::move(message), std::move(data), 200});
}

struct Target {
  Call call;
  std::string name;     // at its server; empty: params stay
  std::string subject;  // see CallIntent
  dm::RequestMeta meta = {};
  std::string_view arguments = {};
};

dm::RpcResult<Target> tool_target(Visit& visit, const dm::Message& message) {
  TRY_ASSIGN(const auto asked, dm::read_tool_call(message.params, visit.json));
  const dm::CatalogueEntry* entry = visit.catalogue->find(asked.name);
  if (entry == nullptr) return refuse(fmt::format("Unknown tool: {}", asked.name));
  return Target{tool_call_of(*visit.settings, *entry, visit.base), entry->tool.name,
                std::string(asked.name), asked.meta, asked.arguments};
}

dm::RpcResult<Target> prompt_target(Visit& visit, const dm::Message& message) {
  TRY_ASSIGN(const auto asked, dm::read_tool_call(message.params, visit.json));
  const dm::CatalogueItem* prompt = visit.catalogue->find_prompt(asked.name);
  if (prompt == nullptr) return refuse(fmt::format("Unknown prompt: {}", asked.name));
  return Target{method_call_of(*visit.settings, prompt->server, "prompts/get", visit.base),
                prompt->item.name, std::string(asked.name), asked.meta, asked.arguments};
}

dm::RpcResult<Target> resource_target(Visit& visit, const dm::Message& message) {
  TRY_ASSIGN(const auto uri, dm::read_string_member(message.params, "uri", visit.json));
  if (!uri || uri->empty()) return refuse("Invalid params: uri is missing");
  const std::string_view server = visit.catalogue->server_of_resource(*uri);
  if (server.empty()) {
    std::string data;
    JsonOut(data).object().key("uri").string(*uri).end();
    return refuse("Resource not found", std::move(data));
  }
  TRY_ASSIGN(const auto meta, dm::read_meta(message.params, visit.json));
  return Target{method_call_of(*visit.settings, server, "resources/read", visit.base),
                {},
                std::string(*uri),
                meta,
                {}};
}

dm::RpcResult<Target> completion_target(Visit& visit, const dm::Message& message) {
  TRY_ASSIGN(const auto ref, dm::read_completion_ref(message.params, visit.json));
  std::string_view server;
  std::string name;
  if (ref.is_prompt) {
    const dm::CatalogueItem* prompt = visit.catalogue->find_prompt(ref.name);
    if (prompt != nullptr) {
      server = prompt->server;
      name = prompt->item.name;
    }
  } else {
    server = visit.catalogue->server_of_template(ref.name);
  }
  if (server.empty()) return refuse(fmt::format("Nothing is offered under {}", ref.name));
  TRY_ASSIGN(const auto meta, dm::read_meta(message.params, visit.json));
  return Target{method_call_of(*visit.settings, server, "completion/complete", visit.base),
                std::move(name),
                {},
                meta,
                message.params};
}

dm::RpcResult<Target> target_of(Visit& visit, const dm::Message& message) {
  if (message.method == "tools/call") return tool_target(visit, message);
  if (message.method == "prompts/get") return prompt_target(visit, message);
  if (message.method == "resources/read") return resource_target(visit, message);
  return completion_target(visit, message);
}

CallIntent intent_of(const dm::Message& message, Target& target) {
  CallIntent intent;
  intent.id = message.id;
  intent.method = GovernedCall::governed_method(message.method);
  intent.name = std::move(target.name);
  intent.params = message.params;
  intent.subject = std::move(target.subject);
  if (!target.arguments.empty()) {
    intent.arguments_at = static_cast<size_t>(target.arguments.data() - message.params.data());
    intent.arguments_size = target.arguments.size();
  }
  return intent;
}

const ServerConfig* server_of(const Settings& settings, std::string_view name) {
  const auto found = std::ranges::find(settings.mcp_servers, name, &ServerConfig::name);
  return found == settings.mcp_servers.end() ? nullptr : &*found;
}

// What the caller brings for the server, where that takes it from nobody else.
dm::RpcResult<HeaderField> brought_credential(const Visit& visit, std::string_view server_name,
                                              const HttpUpstream& http) {
  const auto value = visit.http.request().fields.find_single(http.credential_from);
  if (!value || value->empty()) {
    return refuse(
        fmt::format("{} takes each caller's own credential: send it, once, in the "
                    "header {}",
                    server_name, http.credential_from));
  }
  const bool has_scheme = value->find(' ') != value->npos;
  return HeaderField("authorization",
                     has_scheme ? std::string(*value) : fmt::format("Bearer {}", *value));
}

// What the config has for the caller's token; empty: it goes with the gateway's own.
dm::RpcResult<HeaderField> given_credential(Worker& worker, const Visit& visit,
                                            std::string_view server_name,
                                            const HttpUpstream& http) {
  const Caller caller = caller_of(worker, *visit.settings, visit.credential);
  const auto given = http.credentials.find(caller.name());
  if (caller.record && given != http.credentials.end()) return given->second;
  if (http.oauth || !http.credential.first.empty()) return {};
  return refuse(fmt::format(
      "{} takes a credential of each caller's token, and has none for this one", server_name));
}

// A client that declares nothing can not be asked for anything.
ClientTraits traits_of(const Visit& visit, const dm::RequestMeta& meta, dm::Era era) {
  ClientTraits client;
  if (era == dm::Era::modern) {
    client.capabilities = meta.client_capabilities;
    client.log_level = meta.log_level;
    client.affinity = visit.principal;
  } else if (visit.session) {
    client.capabilities = visit.session->capabilities();
    client.log_level = visit.session->log_level();
    client.affinity = visit.session->id();
  }
  if (client.capabilities == "{}") client.capabilities.clear();
  return client;
}

dm::RpcResult<void> add_credential(Worker& worker, const Visit& visit, std::string_view server_name,
                                   ClientTraits& client) {
  const ServerConfig* server = server_of(*visit.settings, server_name);
  const auto* http = server == nullptr ? nullptr : std::get_if<HttpUpstream>(&server->transport);
  if (http == nullptr) return {};
  if (!http->credentials.empty()) {
    TRY_ASSIGN(client.credential, given_credential(worker, visit, server_name, *http));
  } else if (!http->credential_from.empty()) {
    TRY_ASSIGN(client.credential, brought_credential(visit, server_name, *http));
    client.brings_credential = true;
    // Without a session, too, nobody else's call goes over its connection.
    if (client.affinity.empty()) client.affinity = visit.principal;
  }
  return {};
}

}  // namespace

net::Task<> Endpoint::make_call(Visit& visit, const dm::Message& message, dm::Era era) {
  auto call = prepare_call(visit, message, era);
  if (!call) {
    visit.answer_error(message.id, call.error());
    co_return;
  }
  if (*call == nullptr) co_return co_await continue_call(visit, message);
  visit.last_call = *call;
  net::spawn(worker_.loop, GovernedCall::run(*call));
  if (visit.over_sse) co_return;
  if (visit.is_batch) co_return co_await collect_call(visit, std::move(*call));
  co_await answer_call(visit, std::move(*call));
}

// Null: it is a further round of a call that is under way.
dm::RpcResult<std::shared_ptr<GovernedCall>> Endpoint::prepare_call(Visit& visit,
                                                                    const dm::Message& message,
                                                                    dm::Era era) {
  if (era == dm::Era::modern) {
    TRY_ASSIGN(const auto reply, dm::read_round_reply(message.params, visit.json));
    if (!reply.state.empty()) return nullptr;
  }
  TRY_ASSIGN(auto target, target_of(visit, message));
  Credential credential = visit.credential;
  dm::Message sent = message;
  std::optional<ShownPayment> shown;
  if (target.call.mode == Mode::charge) shown = find_payment(message.params, visit.json);
  if (shown) {
    const bool is_alone = credential.kind == Credential::Kind::none;
    credential = is_alone ? shown->credential() : Credential::of(Credential::Kind::ambiguous);
    sent.params = shown->params;
    TRY_ASSIGN(target, target_of(visit, sent));
  }
  target.call.id = ordered_id<RequestId>(visit.base.at);
  target.call.input_bytes = sent.params.size();
  CallIntent intent = intent_of(sent, target);
  intent.address = visit.http.remote_address();
  intent.signals_payment = signals_payment(visit.http.request().fields);
  intent.principal = visit.principal;
  intent.era = era;
  intent.client = traits_of(visit, target.meta, era);
  // Strangers have one name, and must not share what a server remembers of each.
  const bool is_shared_name = era == dm::Era::modern && visit.principal == kAnonymous;
  if (is_shared_name && !credential.text.empty()) intent.client.affinity = buyer_name(credential);
  TRY(add_credential(worker_, visit, target.call.upstream, intent.client));
  if (era == dm::Era::legacy && visit.session && intent.client.capabilities.contains("roots")) {
    intent.client.between_calls = std::make_shared<BetweenCalls>(
        visit.session, std::string(target.call.upstream), worker_.gateway.clock);
  }
  intent.session = era == dm::Era::legacy ? visit.session : nullptr;
  intent.streams = (visit.takes_events && !visit.is_batch) || visit.over_sse;
  if (visit.over_sse) intent.outbox = visit.session->standalone();
  return std::make_shared<GovernedCall>(worker_, Snapshot{visit.settings, visit.hub},
                                        visit.catalogue, target.call, credential,
                                        std::move(intent));
}

// The next round of a call. What was asked before is what is asked now, by the same caller; then
// the call goes on, wherever it runs.
net::Task<> Endpoint::continue_call(Visit& visit, const dm::Message& message) {
  const auto reply = dm::read_round_reply(message.params, visit.json);
  auto target = target_of(visit, message);
  if (!reply || !target) {
    visit.answer_error(message.id, !reply ? reply.error() : target.error());
    co_return;
  }
  auto round = worker_.gateway.mcp_clients.rounds.take(reply->state, visit.principal,
                                                       intent_of(message, *target).about());
  if (!round) {
    visit.answer_error(message.id,
                       {dm::kInvalidParams,
                        "Invalid params: requestState is unknown, was used, is too old, or belongs "
                        "to another request",
                        {},
                        200});
    co_return;
  }
  round->call->continue_as(std::string(message.id));
  AskReply answered;
  answered.responses = reply->responses.empty() ? "{}" : std::string(reply->responses);
  visit.last_call = round->call;
  round->reply(std::move(answered));
  co_await answer_call(visit, round->call);
}

// In a batch there is no place for anything but the answer.
net::Task<> Endpoint::collect_call(Visit& visit, std::shared_ptr<GovernedCall> call) {
  Outbox::Reader reader(call->outbox(), worker_.loop);
  const net::CancelWhenGone gone(visit.http, reader.waiting());
  for (;;) {
    auto items = co_await reader.take(EventStream::kKeepAlive);
    if (visit.http.client_gone()) co_return;
    for (Outbox::Item& item : items) {
      if (item.kind != Outbox::Kind::final) continue;
      visit.begin_answer();
      visit.answers += item.text;
      co_return;
    }
  }
}

// One message is the answer by itself, with the figures in its head. Where there is more to say
// before it, it comes at the end of a stream.
net::Task<> Endpoint::answer_call(Visit& visit, std::shared_ptr<GovernedCall> call) {
  Outbox::Reader reader(call->outbox(), worker_.loop);
  const net::CancelWhenGone gone(visit.http, reader.waiting());
  EventStream stream(visit.http, visit.session);
  bool is_there = true;
  while (is_there) {
    auto items = co_await reader.take(EventStream::kKeepAlive);
    if (visit.http.client_gone()) {
      reader.give_back(std::move(items));
      break;
    }
    if (reader.displaced()) break;
    if (items.empty() && stream.started()) is_there = co_await stream.keep_alive();
    for (size_t i = 0; is_there && i < items.size(); ++i) {
      Outbox::Item& item = items[i];
      const bool ends = item.kind == Outbox::Kind::final || item.kind == Outbox::Kind::round;
      if (ends && !stream.started()) {
        visit.answers = std::move(item.text);
        if (item.kind == Outbox::Kind::final) visit.status = call->http_status();
        if (item.kind == Outbox::Kind::round) visit.last_call = nullptr;
        co_return;
      }
      visit.answered = true;
      if (!stream.started()) {
        is_there = co_await stream.start(call->outbox(), to_string(visit.base.id));
      }
      // What is written is kept for a client that comes again, whether it arrives or not.
      const bool arrived = co_await stream.write(std::move(item.text), ends);
      is_there = is_there && arrived;
      if (!is_there)
        reader.give_back(
            {std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(i + 1)),
             std::make_move_iterator(items.end())});
      if (ends) co_return co_await stream.finish();
    }
  }
  visit.answered = true;
  // By its revision, who leaves has cancelled, or may come back for the rest.
  if (call->intent().era == dm::Era::modern && !reader.displaced()) call->cancel();
}

}  // namespace satgate::flow::mcp
