#include "net/http_client.h"

#include <gtest/gtest.h>

#include <deque>

#include "net/simple_client.h"
#include "net/test_support.h"

namespace satgate::net {
namespace {

using testing::run_to_end;
using testing::ServerThread;

// An upstream that follows a script: for each accepted connection a list of answers, one for every
// request that arrives ("\r\n\r\n" or the given body end), then it closes (or resets).
class ScriptedUpstream {
 public:
  struct Step {
    std::string until;   // reads until these bytes have arrived
    std::string answer;  // then says this
  };
  struct Connection {
    std::vector<Step> steps;
    bool reset = false;
  };

  explicit ScriptedUpstream(std::vector<Connection> script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 16);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~ScriptedUpstream() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  UpstreamIdentity identity() const {
    UpstreamIdentity made;
    made.host = "127.0.0.1";
    made.port = port_;
    return made;
  }
  int accepted() const { return accepted_; }
  std::string heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  void run() {
    for (const Connection& connection : script_) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      ++accepted_;
      for (const Step& step : connection.steps) {
        if (!converse(fd, step)) break;
      }
      if (connection.reset) {
        const linger off{1, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof off);
      }
      ::close(fd);
    }
  }
  bool converse(int fd, const Step& step) {
    std::string got;
    while (!step.until.empty() && !got.ends_with(step.until)) {
      char bytes[4096];
      pollfd watched{fd, POLLIN, 0};
      const ssize_t n = ::poll(&watched, 1, 2000) <= 0 ? 0 : ::recv(fd, bytes, sizeof bytes, 0);
      if (n <= 0) return false;
      got.append(bytes, static_cast<size_t>(n));
    }
    {
      const std::lock_guard lock(mutex_);
      heard_ += got;
    }
    ::send(fd, step.answer.data(), step.answer.size(), MSG_NOSIGNAL);
    return true;
  }

  std::vector<Connection> script_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
  std::atomic<int> accepted_{0};
  std::mutex mutex_;
  std::string heard_;
};

// What one call came to.
struct Outcome {
  int status = 0;
  std::string body;
  std::optional<Fault> fault;
  bool reused = false;
  bool complete = false;
  bool was_cut = false;
  bool sent = false;
};

Task<> call(UpstreamPool& pool, UpstreamIdentity identity, std::string method, std::string body,
            ClientOptions options, Outcome& outcome) {
  ClientExchange exchange(pool, identity, options);
  exchange.request(method, "/path").field("x-test", "1");
  const auto sent = co_await exchange.send(body);
  if (!sent) {
    outcome.fault = sent.error();
  } else if (const auto head = co_await exchange.read_head(); !head) {
    outcome.fault = head.error();
  } else {
    outcome.status = (*head)->status;
    for (;;) {
      const auto piece = co_await exchange.read_some();
      if (!piece) outcome.fault = piece.error();
      if (!piece || piece->empty()) break;
      outcome.body += *piece;
    }
  }
  outcome.reused = exchange.reused();
  outcome.complete = exchange.complete();
  outcome.was_cut = exchange.was_cut();
  outcome.sent = exchange.sent_upstream();
}

class HttpClientTest : public ::testing::Test {
 protected:
  Outcome ask(const UpstreamIdentity& identity, std::string method = "GET", std::string body = "",
              ClientOptions options = {}) {
    Outcome outcome;
    EXPECT_TRUE(run_to_end(
        loop, call(pool, identity, std::move(method), std::move(body), options, outcome)));
    return outcome;
  }
  void pause(int ms) { run_to_end(loop, sleep(loop, Milliseconds{ms})); }

  Loop loop;
  UpstreamPool pool{loop};
};

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kHeadEnd = "\r\n\r\n";

TEST_F(HttpClientTest, RequestBytesAndReuse) {
  ScriptedUpstream upstream({{{{"body", kOk}, {kHeadEnd, kOk}}}});
  const Outcome first = ask(upstream.identity(), "POST", "body");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, "ok");
  EXPECT_TRUE(first.complete);
  EXPECT_FALSE(first.reused);
  EXPECT_EQ(pool.idle(), 1U);
  const Outcome second = ask(upstream.identity());
  EXPECT_EQ(second.body, "ok");
  EXPECT_TRUE(second.reused);
  EXPECT_EQ(upstream.accepted(), 1);
  const std::string heard = upstream.heard();
  EXPECT_TRUE(heard.starts_with("POST /path HTTP/1.1\r\n")) << heard;
  EXPECT_NE(heard.find("ost: " + host_field(upstream.identity())), std::string::npos) << heard;
}

TEST_F(HttpClientTest, BodyFramingsAndInterimHeads) {
  const struct {
    const char* name;
    std::string answer;
    std::string body;
    size_t pooled;
  } cases[] = {
      {"chunked",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc",
       1},
      {"until close", "HTTP/1.1 200 OK\r\n\r\nall of it", "all of it", 0},
      {"interim heads first",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + kOk, "ok", 1},
      {"connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
       "ok", 0},
      {"bytes behind the end", kOk + "HTTP/1.1 200 smuggled", "ok", 0},
      {"no body", "HTTP/1.1 204 No Content\r\n\r\n", "", 1},
  };
  for (const auto& c : cases) {
    pool.clear();
    ScriptedUpstream upstream({{{{kHeadEnd, c.answer}}}});
    const Outcome outcome = ask(upstream.identity());
    EXPECT_FALSE(outcome.fault) << c.name << ": " << outcome.fault->message;
    EXPECT_EQ(outcome.body, c.body) << c.name;
    EXPECT_TRUE(outcome.complete) << c.name;
    EXPECT_EQ(pool.idle(), c.pooled) << c.name;
  }
}

TEST_F(HttpClientTest, LawOneFourEveryFaultSaysWhatWasSent) {
  const struct {
    const char* name;
    std::string method;
    std::string answer;
    bool reset;
    int status;
    bool cut;
  } cases[] = {
      {"closed without an answer", "POST", "", false, 502, false},
      {"reset without an answer", "POST", "", true, 502, false},
      {"half a head", "POST", "HTTP/1.1 200 OK\r\nConte", false, 502, true},
      {"half a body", "POST", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", false, 502, true},
      {"no last chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
       false, 502, true},
      {"bad chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false,
       502, true},
      {"not HTTP", "POST", "hello there, who are you?\r\n\r\n", false, 502, false},
      {"ambiguous framing", "POST",
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok", false, 502,
       false},
  };
  for (const auto& c : cases) {
    ScriptedUpstream upstream({{{{c.method == "POST" ? "body" : kHeadEnd, c.answer}}, c.reset}});
    const Outcome outcome = ask(upstream.identity(), c.method, c.method == "POST" ? "body" : "");
    ASSERT_TRUE(outcome.fault) << c.name;
    EXPECT_EQ(outcome.fault->source, Fault::Source::upstream) << c.name;
    EXPECT_EQ(outcome.fault->http_status, c.status) << c.name;
    EXPECT_EQ(outcome.fault->retry, Fault::Retry::no) << c.name;
    EXPECT_TRUE(outcome.fault->sent_upstream) << c.name;
    EXPECT_TRUE(outcome.sent) << c.name;
    EXPECT_FALSE(outcome.complete) << c.name;
    EXPECT_EQ(outcome.was_cut, c.cut) << c.name;
    EXPECT_EQ(upstream.accepted(), 1) << c.name << ": sent twice";
    EXPECT_EQ(pool.idle(), 0U) << c.name;
  }
}

TEST_F(HttpClientTest, NothingSentWhenNobodyListens) {
  UpstreamIdentity nobody;
  nobody.host = "127.0.0.1";
  {
    ScriptedUpstream closed({});
    nobody.port = closed.identity().port;
  }
  const Outcome outcome = ask(nobody, "POST", "body");
  ASSERT_TRUE(outcome.fault);
  EXPECT_FALSE(outcome.fault->sent_upstream);
  EXPECT_EQ(outcome.fault->retry, Fault::Retry::yes);
  EXPECT_EQ(outcome.fault->http_status, 502);
  EXPECT_EQ(outcome.fault->message,
            "cannot connect to 127.0.0.1:" + std::to_string(nobody.port) + ": Connection refused");
}

TEST_F(HttpClientTest, PooledConnectionThatClosedWhileIdleIsReplacedForEveryMethod) {
  ScriptedUpstream upstream({{{{kHeadEnd, kOk}}}, {{{"body", kOk}}}});
  EXPECT_EQ(ask(upstream.identity()).body, "ok");
  pause(50);  // the upstream closes
  const Outcome second = ask(upstream.identity(), "POST", "body");
  EXPECT_EQ(second.body, "ok");
  EXPECT_FALSE(second.reused);
  EXPECT_EQ(upstream.accepted(), 2);
}

TEST_F(HttpClientTest, LawOneFourPostOnADyingPooledConnectionIsNotSentTwice) {
  ScriptedUpstream upstream({{{{kHeadEnd, kOk}, {"body", ""}}}, {{{"body", kOk}}}});
  EXPECT_EQ(ask(upstream.identity()).body, "ok");
  const Outcome second = ask(upstream.identity(), "POST", "body");
  ASSERT_TRUE(second.fault);
  EXPECT_EQ(second.fault->retry, Fault::Retry::reused_only);
  EXPECT_TRUE(second.fault->sent_upstream);
  EXPECT_EQ(upstream.accepted(), 1);
}

TEST_F(HttpClientTest, GetOnADyingPooledConnectionIsRepeatedOnce) {
  ScriptedUpstream upstream({{{{kHeadEnd, kOk}, {kHeadEnd, ""}}}, {{{kHeadEnd, kOk}}}});
  EXPECT_EQ(ask(upstream.identity()).body, "ok");
  const Outcome second = ask(upstream.identity());
  EXPECT_FALSE(second.fault);
  EXPECT_EQ(second.body, "ok");
  EXPECT_EQ(upstream.accepted(), 2);

  pool.clear();
  ScriptedUpstream dying({{{{kHeadEnd, kOk}, {kHeadEnd, ""}}}, {{{kHeadEnd, ""}}}, {}});
  EXPECT_EQ(ask(dying.identity()).body, "ok");
  const Outcome third = ask(dying.identity());
  ASSERT_TRUE(third.fault);
  EXPECT_TRUE(third.fault->sent_upstream);
  EXPECT_EQ(third.fault->retry, Fault::Retry::no);
  EXPECT_EQ(dying.accepted(), 2);
}

TEST_F(HttpClientTest, BetweenBytesTimeout) {
  ClientOptions options;
  options.between_bytes_timeout = Milliseconds{80};
  ScriptedUpstream upstream(
      {{{{kHeadEnd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}, {"never", ""}}}});
  const Outcome outcome = ask(upstream.identity(), "GET", "", options);
  ASSERT_TRUE(outcome.fault);
  EXPECT_EQ(outcome.fault->http_status, 504);
  EXPECT_EQ(outcome.body, "half");
  EXPECT_TRUE(outcome.fault->sent_upstream);
}

Task<> cancel_later(Loop& loop, ClientExchange& exchange) {
  co_await sleep(loop, Milliseconds{40});
  exchange.cancel();
}

Task<> cancelled_call(Loop& loop, UpstreamPool& pool, UpstreamIdentity identity,
                      std::optional<Fault>& fault) {
  ClientExchange exchange(pool, identity);
  spawn(loop, cancel_later(loop, exchange));
  exchange.request("POST", "/");
  const auto sent = co_await exchange.send("body");
  if (!sent) co_return;
  const auto head = co_await exchange.read_head();
  if (!head) fault = head.error();
}

TEST_F(HttpClientTest, CancelEndsTheWaitAndBlamesTheClient) {
  ScriptedUpstream upstream({{{{"body", ""}, {"never", ""}}}});
  std::optional<Fault> fault;
  ASSERT_TRUE(
      run_to_end(loop, cancelled_call(loop, pool, upstream.identity(), fault), Milliseconds{1500}));
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->source, Fault::Source::client);
  EXPECT_EQ(fault->http_status, 499);
  EXPECT_TRUE(fault->sent_upstream);
  EXPECT_EQ(pool.idle(), 0U);
}

Task<> streamed_call(UpstreamPool& pool, UpstreamIdentity identity, std::string& body) {
  ClientExchange exchange(pool, identity);
  exchange.request("POST", "/");
  const auto started = co_await exchange.start(wire::BodyFraming::chunked());
  if (!started) co_return;
  co_await exchange.write("one");
  co_await exchange.write("two");
  co_await exchange.finish();
  const auto head = co_await exchange.read_head();
  if (!head) co_return;
  const auto all = co_await exchange.read_all(1000);
  if (all) body = *all;
}

Task<> call_in_pieces(UpstreamPool& pool, UpstreamIdentity identity, std::string& seen) {
  ClientExchange exchange(pool, identity);
  exchange.request("GET", "/");
  const auto sent = co_await exchange.send("");
  if (!sent) co_return;
  const auto head = co_await exchange.read_head();
  if (!head) co_return;
  while (true) {
    const auto piece = co_await exchange.read_some();
    if (!piece || piece->empty()) break;
    seen += "wait:" + std::string(*piece) + " ";
    while (true) {
      const auto more = exchange.read_at_hand();
      if (!more) seen += "bad ";
      if (!more || more->empty()) break;
      seen += std::string(*more) + " ";
    }
  }
  seen += exchange.complete() ? "end" : "cut";
}

TEST_F(HttpClientTest, WhatCameInOneReadIsAtHandAndNothingElseIsWaitedFor) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto seen = [&](std::string body) {
    pool.clear();
    std::string pieces;
    ScriptedUpstream upstream({{{{kHeadEnd, head + body}}}});
    EXPECT_TRUE(run_to_end(loop, call_in_pieces(pool, upstream.identity(), pieces)));
    return pieces;
  };
  EXPECT_EQ(seen("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), "wait:a bc end");
  EXPECT_EQ(seen("1\r\na\r\n2\r\nbc\r\n3"), "wait:a bc cut");
  EXPECT_EQ(seen("1\r\na\r\n2\r\nbc\r\nnonsense"), "wait:a bc bad cut");
}

TEST_F(HttpClientTest, StreamedRequestBody) {
  ScriptedUpstream upstream({{{{"\r\n0\r\n\r\n", kOk}}}});
  std::string body;
  ASSERT_TRUE(run_to_end(loop, streamed_call(pool, upstream.identity(), body)));
  EXPECT_EQ(body, "ok");
  EXPECT_TRUE(upstream.heard().ends_with("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")) << upstream.heard();
}

TEST_F(HttpClientTest, IdentitiesNeverShareAConnection) {
  ScriptedUpstream upstream({{{{kHeadEnd, kOk}}}, {{{kHeadEnd, kOk}}}});
  EXPECT_EQ(ask(upstream.identity()).body, "ok");
  UpstreamIdentity other = upstream.identity();
  other.client_cert = "another";
  const Outcome second = ask(other);
  EXPECT_EQ(second.body, "ok");
  EXPECT_FALSE(second.reused);
}

TEST_F(HttpClientTest, IdleConnectionsExpireAndAreBounded) {
  PoolOptions options;
  options.idle_timeout = Milliseconds{60};
  UpstreamPool short_pool(loop, options);
  ScriptedUpstream upstream({{{{kHeadEnd, kOk}, {"never", ""}}}});
  Outcome outcome;
  ASSERT_TRUE(run_to_end(loop, call(short_pool, upstream.identity(), "GET", "", {}, outcome)));
  EXPECT_EQ(short_pool.idle(), 1U);
  pause(200);
  EXPECT_EQ(short_pool.idle(), 0U);
}

class Plain final : public Handler {
 public:
  Task<> handle(ServerExchange& exchange) override {
    const auto body = co_await exchange.read_body_all(1000);
    exchange.response(200)
        .field("content-type", "text/x")
        .field("x-target", exchange.request().target);
    co_await exchange.send(body ? *body : "fault");
  }
};

TEST(SimpleClient, AsksAndExplains) {
  Plain handler;
  ServerThread server(handler);
  const std::string origin = "http://127.0.0.1:" + std::to_string(server.port);
  const auto answer =
      http_request(origin + "/a/b?c=d", "POST", {{"x-a", "b"}}, "hello", Milliseconds{2000});
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->content_type, "text/x");
  EXPECT_EQ(answer->body, "hello");
  const auto target = std::find(answer->headers.begin(), answer->headers.end(),
                                std::pair<std::string, std::string>("x-target", "/a/b?c=d"));
  EXPECT_NE(target, answer->headers.end());
  const auto nobody = http_request("http://127.0.0.1:1/", "GET", {}, "", Milliseconds{2000});
  ASSERT_FALSE(nobody.has_value());
  EXPECT_EQ(nobody.error().message, "cannot connect to 127.0.0.1:1: Connection refused");
  EXPECT_FALSE(http_request("ftp://a/", "GET", {}, "", Milliseconds{100}).has_value());
  const ScriptedUpstream::Connection nothing_said = {{{"never", ""}}, false};
  ScriptedUpstream silent(std::vector<ScriptedUpstream::Connection>{nothing_said});
  const auto late = http_request("http://" + host_field(silent.identity()) + "/", "GET", {}, "",
                                 Milliseconds{80});
  ASSERT_FALSE(late.has_value());
}

}  // namespace
}  // namespace satgate::net
