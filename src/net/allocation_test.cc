// The hot path allocates nothing after warm-up: counted, so that it stays so.
// Not under sanitizers, which bring an operator new of their own.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SATGATE_OWN_ALLOCATOR
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SATGATE_OWN_ALLOCATOR
#endif
#ifndef SATGATE_OWN_ALLOCATOR

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "net/http_client.h"
#include "net/test_support.h"

namespace {
thread_local int64_t allocations = 0;
}

void* operator new(size_t size) {
  ++allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace satgate::net {
namespace {

class Upstream final : public Handler {
 public:
  Task<> handle(ServerExchange& exchange) override {
    const auto body = co_await exchange.read_body_all(100'000);
    exchange.response(200).field("content-type", "application/json");
    if (body) co_await exchange.send(*body);
  }
};

// A proxy as small as it gets; it notes how many allocations its thread has made at each request.
class Forward final : public Handler {
 public:
  Forward(UpstreamPool& pool, UpstreamIdentity identity)
      : pool_(pool), identity_(std::move(identity)) {}

  Task<> handle(ServerExchange& exchange) override {
    seen.push_back(allocations);
    const auto body = co_await exchange.read_body_all(100'000);
    if (!body) co_return;
    ClientExchange call(pool_, identity_);
    const CancelWhenGone guard(exchange, call);
    call.request("POST", "/").forward(exchange.request().fields, wire::Direction::request);
    const auto sent = co_await call.send(*body);
    if (sent) co_await pass_on(exchange, call);
  }

  std::vector<int64_t> seen;

 private:
  static Task<> pass_on(ServerExchange& exchange, ClientExchange& call) {
    const auto head = co_await call.read_head();
    if (!head) co_return;
    const auto answer = co_await call.read_all(100'000);
    if (!answer) co_return;
    exchange.response((*head)->status).forward((*head)->fields, wire::Direction::response);
    co_await exchange.send(*answer);
  }

  UpstreamPool& pool_;
  UpstreamIdentity identity_;
};

TEST(Allocations, NoneForAForwardedRequestAfterWarmUp) {
  Upstream upstream;
  testing::ServerThread origin(upstream);
  Loop loop;
  UpstreamPool pool(loop);
  UpstreamIdentity identity;
  identity.host = "127.0.0.1";
  identity.port = origin.port;
  Forward forward(pool, identity);
  forward.seen.reserve(1000);
  HttpServer server(loop, forward, {});
  ListenAddress address;
  address.host = "127.0.0.1";
  const auto opened = server.listen(address);
  ASSERT_TRUE(opened.has_value());
  loop.start();
  testing::RawSocket client(opened->port);
  const std::string body(1300, 'b');
  const std::string request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1300\r\n\r\n" + body;
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(client.say(request));
    ASSERT_TRUE(client.hear(body).ends_with(body));
  }
  loop.stop();
  loop.join();
  ASSERT_EQ(forward.seen.size(), 300U);
  EXPECT_GT(forward.seen[0], 0) << "the counter counts";
  EXPECT_EQ(forward.seen[299] - forward.seen[99], 0) << "allocations in 200 requests";
}

}  // namespace
}  // namespace satgate::net

#endif  // SATGATE_OWN_ALLOCATOR
