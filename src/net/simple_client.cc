#include "net/simple_client.h"

#include <optional>

#include "net/http_client.h"
#include "wire/url.h"

namespace satgate::net {
namespace {

constexpr size_t kBodyBytesMax = 256 * 1024 * 1024;

struct SimpleCall {
  UpstreamIdentity identity;
  std::string target;
  std::string method;
  const std::vector<std::pair<std::string, std::string>>* headers = nullptr;
  std::string_view body;
  Milliseconds timeout{0};
};

// The query is ours to keep: the URL type for upstreams has none.
Result<void> read_url(std::string_view text, SimpleCall& call) {
  const size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return fail("not a URL: " + std::string(text));
  const size_t path = text.find_first_of("/?", scheme + 3);
  const std::string_view origin = text.substr(0, path);
  TRY_ASSIGN(const wire::Url url, wire::parse_url(origin));
  call.identity = identity_of(url);
  call.target = path == std::string_view::npos ? "/" : std::string(text.substr(path));
  if (call.target.front() == '?') call.target.insert(0, "/");
  return {};
}

Task<Result<SimpleResponse>> perform(UpstreamPool& pool, const SimpleCall& call) {
  ClientOptions options;
  options.connect_timeout = call.timeout;
  options.between_bytes_timeout = call.timeout;
  ClientExchange exchange(pool, call.identity, options);
  wire::HeadWriter& writer = exchange.request(call.method, call.target);
  for (const auto& [name, value] : *call.headers)
    writer.field(name, value);
  const auto sent = co_await exchange.send(call.body);
  if (!sent) co_return fail(sent.error().message);
  const auto head = co_await exchange.read_head();
  if (!head) co_return fail(head.error().message);
  const auto body = co_await exchange.read_all(kBodyBytesMax);
  if (!body) co_return fail(body.error().message);
  SimpleResponse response;
  response.status = (*head)->status;
  for (const wire::Field& field : (*head)->fields) {
    response.headers.emplace_back(field.name, field.value);
  }
  response.content_type = std::string((*head)->fields.find("content-type").value_or(""));
  response.body = std::string(*body);
  co_return Result<SimpleResponse>(std::move(response));
}

Task<> run(Loop& loop, UpstreamPool& pool, const SimpleCall& call,
           std::optional<Result<SimpleResponse>>& result) {
  result.emplace(co_await perform(pool, call));
  loop.stop();
}

void out_of_time(void* loop) {
  static_cast<Loop*>(loop)->stop();
}

}  // namespace

Result<SimpleResponse> http_request(std::string_view url, std::string_view method,
                                    const std::vector<std::pair<std::string, std::string>>& headers,
                                    std::string_view body, Milliseconds timeout) {
  SimpleCall call;
  TRY(read_url(url, call));
  call.method = std::string(method);
  call.headers = &headers;
  call.body = body;
  call.timeout = timeout;
  std::optional<Result<SimpleResponse>> result;
  Loop loop;
  {
    UpstreamPool pool(loop);
    Deadline limit(loop, &out_of_time, &loop);
    limit.arm(timeout);
    spawn(loop, run(loop, pool, call, result));
    loop.run();
  }
  if (!result) {
    return fail("no answer from " + host_field(call.identity) + " within " +
                std::to_string(timeout.count()) + " ms");
  }
  return std::move(*result);
}

}  // namespace satgate::net
