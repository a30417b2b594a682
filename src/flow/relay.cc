#include "flow/relay.h"

#include "base/text.h"
#include "flow/credential.h"

namespace satgate::flow {

void upstream_target(std::string& target, const Upstream& upstream, const Route& route,
                     const Call& call) {
  std::string_view path = call.endpoint;
  if (!route.strip_prefix.empty() && path.starts_with(route.strip_prefix)) {
    path.remove_prefix(route.strip_prefix.size());
  }
  target = upstream.base_path;
  if (!path.starts_with('/')) target += '/';
  target += path;
  if (!call.query.empty()) {
    target += '?';
    target += call.query;
  }
}

void write_upstream_head(net::ClientExchange& upstream_call, const wire::RequestHead& from,
                         const Upstream& upstream, const std::string& target,
                         const ApiKeys& api_keys, const RelayOptions& options) {
  wire::HeadWriter& head = upstream_call.request(from.method, target);
  const wire::ForwardFilter filter(from.fields, wire::Direction::request);
  for (const wire::Field& field : from.fields) {
    if (!filter.forwards(field.name)) continue;
    if (is_gateway_field(field.name)) continue;
    if (is_credential_field(field.name)) {
      if (!upstream.passthrough || !is_foreign_credential(field, api_keys)) continue;
    }
    if (options.plain_text && equals_ignore_case(field.name, "accept-encoding")) continue;
    head.field(field.name, field.value);
  }
  if (options.plain_text) head.field("accept-encoding", "identity");
  if (!upstream.credential.first.empty()) {
    head.field(upstream.credential.first, upstream.credential.second);
  }
  for (const auto& [name, value] : upstream.headers)
    head.field(name, value);
  if (!options.authorization.empty()) head.field("authorization", options.authorization);
}

wire::HeadWriter& write_client_head(net::ServerExchange& http, const wire::ResponseHead& from) {
  wire::HeadWriter& head = http.response(from.status, from.reason);
  const wire::ForwardFilter filter(from.fields, wire::Direction::response);
  for (const wire::Field& field : from.fields) {
    if (filter.forwards(field.name) && !is_gateway_field(field.name)) {
      head.field(field.name, field.value);
    }
  }
  return head;
}

bool is_sent_whole(const wire::BodyFraming& framing) {
  return framing.is_empty() || (framing.kind == wire::BodyFraming::Kind::length &&
                                framing.bytes <= limits::stream_window_bytes);
}

net::Task<net::Reply<std::string_view>> read_whole(net::ServerExchange& http) {
  if (http.request().framing.is_empty()) co_return std::string_view();
  co_return co_await http.read_body_all(limits::stream_window_bytes);
}

net::Task<std::expected<void, Fault>> send_request(
    net::ServerExchange& http, net::ClientExchange& upstream_call,
    const std::optional<net::Reply<std::string_view>>& read_ahead) {
  const wire::BodyFraming framing = http.request().framing;
  if (is_sent_whole(framing)) {
    net::Reply<std::string_view> body;
    if (read_ahead) {
      body = *read_ahead;
    } else {
      body = co_await read_whole(http);
    }
    if (!body) co_return std::unexpected(body.error());
    co_return co_await upstream_call.send(*body);
  }
  auto begun = co_await upstream_call.start(framing);
  if (!begun) co_return begun;
  while (true) {
    const auto piece = co_await http.read_body_some();
    if (!piece) {
      Fault fault = piece.error();
      fault.sent_upstream = upstream_call.sent_upstream();
      co_return std::unexpected(std::move(fault));
    }
    if (piece->empty()) break;
    auto written = co_await upstream_call.write(*piece);
    if (!written) co_return written;
  }
  co_return co_await upstream_call.finish();
}

net::ClientOptions client_options(const Settings& settings) {
  net::ClientOptions options;
  options.connect_timeout = net::Milliseconds(settings.connect_seconds_max * 1000);
  options.between_bytes_timeout = net::Milliseconds(settings.upstream_seconds_max * 1000);
  return options;
}

}  // namespace satgate::flow
