#include "net/tls.h"

#include <gtest/gtest.h>

#include "net/http_client.h"
#include "net/test_support.h"

namespace satgate::net {
namespace {

using testing::run_to_end;
using testing::ServerThread;

class Hello final : public Handler {
 public:
  Task<> handle(ServerExchange& exchange) override {
    const auto body = co_await exchange.read_body_all(10'000'000);
    exchange.response(exchange.is_tls() ? 200 : 500);
    co_await exchange.send(body ? *body : "fault");
  }
};

struct Outcome {
  int status = 0;
  std::string body;
  std::optional<Fault> fault;
};

Task<> ask(UpstreamPool& pool, UpstreamIdentity identity, std::string body, Outcome& outcome) {
  ClientExchange exchange(pool, identity);
  exchange.request("POST", "/");
  const auto sent = co_await exchange.send(body);
  if (!sent) {
    outcome.fault = sent.error();
    co_return;
  }
  const auto head = co_await exchange.read_head();
  if (!head) {
    outcome.fault = head.error();
    co_return;
  }
  outcome.status = (*head)->status;
  const auto all = co_await exchange.read_all(10'000'000);
  if (all) outcome.body = *all;
}

class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::write_certificate("127.0.0.1", files.file("a.pem"), files.file("a.key"));
    testing::write_certificate("wrong.example", files.file("b.pem"), files.file("b.key"));
  }
  HttpServerOptions options(const std::string& name) {
    HttpServerOptions made;
    auto context = TlsServerContext::load(files.file(name + ".pem"), files.file(name + ".key"));
    EXPECT_TRUE(context.has_value()) << context.error().message;
    if (context) made.tls = std::move(*context);
    return made;
  }
  UpstreamIdentity identity(uint16_t port, const std::string& trusted) {
    UpstreamIdentity made;
    made.tls = true;
    made.host = "127.0.0.1";
    made.port = port;
    if (!trusted.empty()) made.ca_file = files.file(trusted + ".pem");
    return made;
  }
  Outcome go(const UpstreamIdentity& to, std::string body = "hello") {
    Outcome outcome;
    EXPECT_TRUE(run_to_end(loop, ask(pool, to, std::move(body), outcome)));
    return outcome;
  }

  testing::TemporaryDirectory files;
  Hello handler;
  Loop loop;
  UpstreamPool pool{loop};
};

TEST_F(TlsTest, BothSidesWithReuseAndLargeBodies) {
  ServerThread server(handler, options("a"));
  const UpstreamIdentity to = identity(server.port, "a");
  for (const size_t size : {size_t{5}, size_t{16'000}, size_t{70'000}, size_t{3'000'000}}) {
    const std::string body(size, 'b');
    const Outcome outcome = go(to, body);
    EXPECT_FALSE(outcome.fault) << outcome.fault->message;
    EXPECT_EQ(outcome.status, 200);
    EXPECT_TRUE(outcome.body == body) << size;
  }
  EXPECT_EQ(pool.connections(), 1U);
  EXPECT_EQ(pool.reused(), 3U);
}

TEST_F(TlsTest, WhatIsNotVerifiedIsRefusedBeforeAByteIsSent) {
  ServerThread right(handler, options("a"));
  ServerThread wrong(handler, options("b"));
  UpstreamIdentity other_name = identity(right.port, "a");
  other_name.verify_host = "api.example";
  const struct {
    const char* name;
    UpstreamIdentity to;
    std::string_view why;
  } cases[] = {
      {"unknown authority", identity(right.port, ""), "self-signed certificate"},
      {"other authority", identity(right.port, "b"), "self-signed certificate"},
      {"address not in the certificate", identity(wrong.port, "b"), "IP address mismatch"},
      {"host name mismatch", other_name, "hostname mismatch"},
  };
  for (const auto& c : cases) {
    const Outcome outcome = go(c.to);
    ASSERT_TRUE(outcome.fault) << c.name;
    EXPECT_FALSE(outcome.fault->sent_upstream) << c.name;
    EXPECT_EQ(outcome.fault->http_status, 502) << c.name;
    EXPECT_NE(outcome.fault->message.find(c.why), std::string::npos)
        << c.name << ": " << outcome.fault->message;
  }
  UpstreamIdentity named = identity(wrong.port, "b");
  named.sni = "wrong.example";
  EXPECT_EQ(go(named).status, 200) << "the name asked for is the name verified";
  UpstreamIdentity insecure = identity(wrong.port, "");
  insecure.insecure = true;
  EXPECT_EQ(go(insecure).status, 200);
}

TEST_F(TlsTest, PlainTextOnATlsPortAndTheOtherWayRound) {
  ServerThread secure(handler, options("a"));
  ServerThread plain(handler);
  UpstreamIdentity to_secure = identity(secure.port, "");
  to_secure.tls = false;
  EXPECT_TRUE(go(to_secure).fault);
  const Outcome outcome = go(identity(plain.port, "a"));
  ASSERT_TRUE(outcome.fault);
  EXPECT_FALSE(outcome.fault->sent_upstream);
}

TEST_F(TlsTest, SessionsResumeAndReloadTakesTheNewCertificate) {
  ServerThread server(handler, options("a"));
  const UpstreamIdentity to = identity(server.port, "a");
  auto client = TlsClientContext::create(to);
  ASSERT_TRUE(client.has_value());
  EXPECT_FALSE((*client)->has_session());
  EXPECT_EQ(go(to).status, 200);

  HttpServerOptions reloaded = options("a");
  ServerThread second(handler, reloaded);
  testing::write_certificate("127.0.0.1", files.file("a.pem"), files.file("a.key"));
  const UpstreamIdentity fresh = identity(second.port, "a");
  EXPECT_TRUE(go(fresh).fault) << "the new authority does not vouch for the old certificate";
  ASSERT_TRUE(reloaded.tls->reload().has_value());
  UpstreamIdentity again = fresh;
  again.sni = "127.0.0.1";
  EXPECT_EQ(go(again).status, 200);
  std::filesystem::remove(files.file("a.key"));
  EXPECT_FALSE(reloaded.tls->reload().has_value());
  pool.clear();
  EXPECT_EQ(go(again).status, 200) << "a failed reload keeps the certificate";
}

TEST_F(TlsTest, MissingFilesAreNamed) {
  const auto server = TlsServerContext::load(files.file("none.pem"), files.file("a.key"));
  ASSERT_FALSE(server.has_value());
  EXPECT_NE(server.error().message.find("none.pem"), std::string::npos);
  const auto mismatch = TlsServerContext::load(files.file("a.pem"), files.file("b.key"));
  EXPECT_FALSE(mismatch.has_value());
  UpstreamIdentity to = identity(1, "none");
  EXPECT_FALSE(TlsClientContext::create(to).has_value());
}

}  // namespace
}  // namespace satgate::net
