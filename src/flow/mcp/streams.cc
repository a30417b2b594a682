// Streams that outlive a request: what a session is told, and what `subscriptions/listen` asked
// for.
#include <fmt/format.h>

#include "flow/mcp/endpoint.h"
#include "flow/mcp/visibility.h"
#include "flow/respond.h"

namespace satgate::flow::mcp {

namespace dm = dialect::mcp;

// Hands on what comes, until the client goes, the credential is good no more, or the final message
// has been sent. That may be days: servers that a reload has ended are not held, and whether the
// credential is good the config of now says.
net::Task<> Endpoint::hand_on(Visit& visit, EventStream& stream, std::shared_ptr<Outbox> source,
                              Until until) {
  Outbox::Reader reader(source, worker_.loop);
  const net::CancelWhenGone gone(visit.http, reader.waiting());
  visit.hub.reset();
  for (;;) {
    auto items = co_await reader.take(EventStream::kKeepAlive);
    if (reader.displaced()) co_return;
    visit.settings = worker_.gateway.settings();
    visit.base.at = worker_.gateway.clock.now();
    if (visit.http.client_gone() || judge(visit)) co_return reader.give_back(std::move(items));
    if (visit.session) visit.session->touch(visit.base.at);
    if (items.empty() && source->is_closed()) co_return;
    if (items.empty()) {
      const bool is_there = co_await stream.keep_alive();
      if (!is_there) co_return;
    }
    for (size_t i = 0; i < items.size(); ++i) {
      const bool is_last = items[i].kind == Outbox::Kind::final && until == Until::final;
      const bool is_there = co_await stream.write(std::move(items[i].text), is_last);
      if (!is_there)
        reader.give_back(
            {std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(i + 1)),
             std::make_move_iterator(items.end())});
      if (!is_there || is_last) co_return;
    }
  }
}

// GET: with Last-Event-ID the rest of the stream that it names, else what is said to the session.
net::Task<> Endpoint::stream_session(Visit& visit) {
  EventStream stream(visit.http, visit.session);
  visit.answered = true;
  const std::string request_id = to_string(visit.base.id);
  std::shared_ptr<Outbox> source = visit.session->standalone();
  if (worker_.gateway.mcp_clients.stopping()) source->close();
  const auto last = visit.http.request().fields.find("last-event-id");
  auto replay = last ? visit.session->replay(*last) : std::nullopt;
  bool is_there = false;
  bool is_over = false;
  if (replay) {
    source = replay->log->source;
    is_over = replay->ended;
    is_there = co_await stream.resume(std::move(*replay), request_id);
  } else {
    is_there = co_await stream.start(source, request_id);
  }
  if (is_there && !is_over) co_await hand_on(visit, stream, source, Until::final);
  co_await stream.finish();
}

net::Task<> Endpoint::listen(Visit& visit, const dm::Message& message) {
  auto filter = dm::read_listen(message.params, visit.json);
  if (!filter) {
    visit.answer_error(message.id, filter.error());
    co_return;
  }
  // What the caller may not read, it is not told of.
  std::erase_if(filter->uris, [&](const std::string& uri) {
    const std::string_view server = visit.catalogue->server_of_resource(uri);
    return server.empty() ||
           !may_read(worker_, *visit.settings, server, visit.credential, visit.base);
  });
  const dm::Capabilities offered = capabilities(visit);
  filter->prompts = filter->prompts && offered.prompts;
  filter->resources = filter->resources && offered.resources;
  const auto subscription = std::make_shared<Subscription>();
  subscription->id = message.id;
  subscription->tools = filter->tools;
  subscription->prompts = filter->prompts;
  subscription->resources = filter->resources;
  for (const std::string& uri : filter->uris) {
    const auto watched = co_await visit.hub->watch_resource(uri);
    if (watched) subscription->uris.insert(uri);
  }
  filter->uris.assign(subscription->uris.begin(), subscription->uris.end());
  Outbox::Item first;
  dm::append_listen_acknowledged(first.text, *filter, subscription->id);
  subscription->box->put(std::move(first));
  worker_.gateway.mcp_clients.subscribe(subscription);
  visit.answered = true;
  EventStream stream(visit.http, nullptr);
  const bool is_there = co_await stream.start(subscription->box, to_string(visit.base.id));
  if (is_there) co_await hand_on(visit, stream, subscription->box, Until::final);
  worker_.gateway.mcp_clients.unsubscribe(subscription);
  if (subscription->box->is_closed()) {
    std::string last;
    dm::append_listen_ended(last, subscription->id);
    const bool told = co_await stream.write(std::move(last), true);
    (void)told;
  }
  const std::shared_ptr<Hub> hub = worker_.gateway.hub();  // it took over what is watched
  for (const std::string& uri : subscription->uris) {
    if (!hub) break;
    const auto ended = co_await hub->unwatch_resource(uri);
    (void)ended;
  }
  co_await stream.finish();
}

// GET /sse of 2024-11-05: the stream is the session. Its first event says where to POST.
net::Task<> Endpoint::open_sse(Visit& visit) {
  Sessions& sessions = worker_.gateway.mcp_clients.sessions;
  visit.session = sessions.open(visit.principal, "2024-11-05", {}, visit.base.at);
  const std::shared_ptr<Session>& session = visit.session;
  EventStream stream(visit.http, nullptr);
  bool is_there = co_await stream.start(session->standalone(), to_string(visit.base.id));
  if (is_there) is_there = co_await stream.name_endpoint("/message?sessionId=" + session->id());
  if (is_there) co_await hand_on(visit, stream, session->standalone(), Until::gone);
  end_session(visit, *session);
  co_await stream.finish();
}

// POST /message: taken here, answered on the stream.
net::Task<> Endpoint::take_sse_message(Visit& visit) {
  const std::string_view query = visit.http.request().query;
  constexpr std::string_view kName = "sessionId=";
  const size_t at = query.find(kName);
  const std::string_view id =
      at == query.npos ? std::string_view() : query.substr(at + kName.size());
  Sessions& sessions = worker_.gateway.mcp_clients.sessions;
  visit.session = sessions.find(id.substr(0, id.find('&')), visit.principal, visit.base.at);
  if (!visit.session) {
    visit.status = 404;
    co_return co_await send_answers(visit);
  }
  const auto body = co_await visit.http.read_body_all(visit.settings->body_bytes_max);
  if (!body) co_return co_await respond_fault(visit.http, visit.base, body.error());
  // Who does not read its stream gets no more to read.
  if (visit.session->standalone()->is_full()) {
    co_return co_await respond_error(visit.http, Protocol::mcp, visit.base.id, 503, "stream_full",
                                     "Read the answers on your /sse stream first.");
  }
  visit.over_sse = true;
  co_await answer_body(visit, *body);
  if (!visit.answers.empty()) {
    visit.session->standalone()->put({Outbox::Kind::ask, std::exchange(visit.answers, {})});
  }
  visit.status = 200;
  co_await send_answers(visit);
}

}  // namespace satgate::flow::mcp
