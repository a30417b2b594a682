#include "api.h"

#include <algorithm>

namespace satgate::demo {
namespace {

net::Task<> send_half(net::ServerExchange& exchange) {
  const std::string half(512, '.');
  exchange.response(200).field("content-type", "text/plain");
  const auto started = co_await exchange.start(wire::BodyFraming::length(2 * half.size()));
  if (started) co_await exchange.write(half);
  exchange.cut();
}

Json describe(const wire::RequestHead& request, size_t body_bytes) {
  Json headers = Json::object();
  for (const wire::Field& field : request.fields) {
    headers[std::string(field.name)] = std::string(field.value);
  }
  return {{"path", std::string(request.path)},
          {"method", std::string(request.method)},
          {"query", std::string(request.query)},
          {"body_bytes", body_bytes},
          {"headers", std::move(headers)}};
}

}  // namespace

net::Task<> Api::handle(net::ServerExchange& exchange) {
  const wire::RequestHead& request = exchange.request();
  if (request.path == "/stats") {
    const Json stats = {{"calls", calls_}, {"paths", calls_by_path_}};
    co_await send_json(exchange, 200, stats);
    co_return;
  }
  const auto body = co_await exchange.read_body_all(kBodyBytesMax);
  if (!body) co_return;
  ++calls_;
  ++calls_by_path_[std::string(request.path)];
  co_await answer(exchange, body->size());
}

net::Task<> Api::answer(net::ServerExchange& exchange, size_t body_bytes) {
  const wire::RequestHead& request = exchange.request();
  const uint64_t slow = number_or(query_value(request.query, "slow"), 0);
  if (slow > 0) co_await net::sleep(exchange.loop(), net::Milliseconds(slow));
  if (query_value(request.query, "cut") == "1") {
    co_await send_half(exchange);
    co_return;
  }
  Json answer = describe(request, body_bytes);
  const uint64_t size = number_or(query_value(request.query, "size"), 0);
  if (size > 0) answer["filler"] = std::string(size, 'x');
  const uint64_t status = number_or(query_value(request.query, "status"), 200);
  co_await send_json(exchange, static_cast<int>(std::clamp<uint64_t>(status, 200, 599)), answer);
}

}  // namespace satgate::demo
