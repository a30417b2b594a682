#include "net/http_server.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "net/test_support.h"

namespace satgate::net {
namespace {

using testing::RawSocket;
using testing::ServerThread;

// One path, one behaviour.
class TestHandler final : public Handler {
 public:
  Task<> handle(ServerExchange& exchange) override {
    const std::string_view path = exchange.request().path;
    if (path == "/echo") return echo(exchange);
    if (path == "/stream-echo") return stream_echo(exchange);
    if (path == "/ignore") return ignore(exchange);
    if (path == "/large") return large(exchange);
    if (path == "/half") return half(exchange);
    if (path == "/nothing") return nothing(exchange);
    if (path == "/throws") return throws(exchange);
    if (path == "/wait") return wait(exchange);
    if (path == "/slow") return slow(exchange);
    if (path == "/no-content") return no_content(exchange);
    if (path == "/short") return too_short(exchange);
    if (path == "/bad-field") return bad_field(exchange);
    return ignore(exchange);
  }

  std::atomic<int> gone{0};
  std::atomic<int64_t> taken{0};
  std::atomic<int> last_fault{0};

 private:
  Task<> echo(ServerExchange& exchange) {
    const auto body = co_await exchange.read_body_all(1'000'000);
    if (!body) {
      last_fault = body.error().http_status;
      exchange.response(body.error().http_status).field("x-why", body.error().message);
      co_await exchange.send("fault");
      co_return;
    }
    exchange.response(200).field("content-type", "text/plain");
    co_await exchange.send(*body);
  }

  Task<> stream_echo(ServerExchange& exchange) {
    exchange.response(200);
    co_await exchange.start(wire::BodyFraming::chunked(), ServerExchange::Head::with_first_piece);
    for (;;) {
      const auto piece = co_await exchange.read_body_some();
      if (!piece) co_return;  // cut
      if (piece->empty()) break;
      const auto written = co_await exchange.write(*piece);
      if (!written) co_return;
    }
    co_await exchange.finish();
  }

  Task<> ignore(ServerExchange& exchange) {
    exchange.response(200);
    co_await exchange.send("ignored");
  }

  Task<> large(ServerExchange& exchange) {
    const std::string piece(64 * 1024, 'x');
    exchange.response(200);
    co_await exchange.start(wire::BodyFraming::length(piece.size() * 1024));
    for (int i = 0; i < 1023; ++i) {
      const auto written = co_await exchange.write(piece);
      if (!written) co_return;
      taken += static_cast<int64_t>(piece.size());
    }
    co_await exchange.finish(piece);
  }

  Task<> half(ServerExchange& exchange) {
    exchange.response(200);
    co_await exchange.start(wire::BodyFraming::chunked());
    co_await exchange.write("half");
  }

  Task<> nothing(ServerExchange&) { co_return; }

  Task<> throws(ServerExchange&) {
    throw std::runtime_error("a bug");
    co_return;
  }

  Task<> wait(ServerExchange& exchange) {
    Event event(exchange.loop());
    const CancelWhenGone guard(exchange, event);
    co_await event.wait(Milliseconds{3000});
    if (event.cancelled() && exchange.client_gone()) ++gone;
    exchange.response(200);
    co_await exchange.send("waited");
  }

  Task<> slow(ServerExchange& exchange) {
    co_await sleep(exchange.loop(), Milliseconds{150});
    exchange.response(200);
    co_await exchange.send("slow");
  }

  Task<> no_content(ServerExchange& exchange) {
    exchange.response(204);
    co_await exchange.send("");
  }

  Task<> too_short(ServerExchange& exchange) {
    exchange.response(200);
    co_await exchange.start(wire::BodyFraming::length(10));
    co_await exchange.finish("short");
  }

  Task<> bad_field(ServerExchange& exchange) {
    exchange.response(200).field("x", "a\r\nset-cookie: stolen");
    const auto sent = co_await exchange.send("");
    if (sent) co_return;
    exchange.response(500);
    co_await exchange.send("refused");
  }
};

std::string get(std::string_view path, std::string_view more = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(more) + "\r\n";
}

std::string body_of(std::string_view answer) {
  const size_t end = answer.find("\r\n\r\n");
  return end == std::string_view::npos ? "<no head>" : std::string(answer.substr(end + 4));
}

// Undoes the chunked coding of a whole answer; "<cut>" if its last chunk is missing.
std::string unchunk(std::string_view coded) {
  wire::ChunkDecoder decoder;
  std::string body;
  while (!coded.empty()) {
    const wire::BodyStep step = decoder.next(coded);
    body += step.data;
    coded.remove_prefix(step.consumed);
    if (step.progress == wire::Progress::done) return body;
    if (step.progress == wire::Progress::refused) return "<refused>";
  }
  return body + "<cut>";
}

class HttpServerTest : public ::testing::Test {
 protected:
  TestHandler handler;
};

TEST_F(HttpServerTest, ConversationTable) {
  ServerThread server(handler);
  const std::string large_field = "X-Large: " + std::string(40'000, 'l') + "\r\n";
  const struct {
    const char* name;
    std::string said;
    std::string ending;    // how the heard bytes end
    std::string_view has;  // what they contain
  } cases[] = {
      {"body in one send", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
       "hello", "HTTP/1.1 200 OK\r\n"},
      {"chunked request",
       "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
       "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
       "abcde", "200 OK"},
      {"chunked both ways",
       "POST /stream-echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
       "3\r\nabc\r\n0\r\n\r\n",
       "3\r\nabc\r\n0\r\n\r\n", "200 OK"},
      {"pipelined", get("/a") + get("/b", "Connection: close\r\n"), "ignored<end>", "ignoredHTTP"},
      {"keep-alive by default", get("/a"), "ignored", "200 OK"},
      {"HTTP/1.0 ends by closing",
       "POST /stream-echo HTTP/1.0\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "\r\n\r\nabc<end>",
       "200 OK"},
      {"HEAD has a length and no body", "HEAD /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
       "\r\n\r\n<end>", "ength: 7"},
      {"204 has neither", get("/no-content", "Connection: close\r\n"), "\r\n\r\n<end>", "204"},
      {"large head, body behind it",
       "POST /echo HTTP/1.1\r\nHost: a\r\n" + large_field + "Content-Length: 5\r\n\r\nhello",
       "hello", "200 OK"},
      {"413", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\n\r\n", "fault<end>",
       "413"},
      {"handler said nothing", get("/nothing"), "<end>", "500 Internal"},
      {"handler threw", get("/throws"), "<end>", "\"error\":\"internal_error\""},
      {"field that would split the answer", get("/bad-field"), "refused", "500"},
      {"two lengths",
       "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
       "}<end>", "{\"error\":\"bad_request\",\"message\":"},
      {"length and chunked",
       "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       "}<end>", "400"},
      {"no host", "GET / HTTP/1.1\r\n\r\n", "}<end>", "400"},
      {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "}<end>", "505"},
      {"bad chunk",
       "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
       "fault<end>", "400"},
      {"nobody sends 100 unasked",
       "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
       "Expect: 100-continue\r\n\r\n",
       "ignored<end>", "HTTP/1.1 200"},
  };
  for (const auto& c : cases) {
    RawSocket client(server.port);
    ASSERT_TRUE(client.say(c.said)) << c.name;
    const std::string heard = client.hear(c.ending.ends_with("<end>") ? "" : c.ending);
    EXPECT_TRUE(heard.ends_with(c.ending)) << c.name << ": " << heard;
    EXPECT_NE(heard.find(c.has), std::string::npos) << c.name << ": " << heard;
  }
}

TEST_F(HttpServerTest, ByteByByteGivesTheSameAnswer) {
  ServerThread server(handler);
  RawSocket client(server.port);
  const std::string said =
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  for (const char byte : said)
    ASSERT_TRUE(client.say({&byte, 1}));
  EXPECT_EQ(body_of(client.hear("hello")), "hello");
}

TEST_F(HttpServerTest, HundredContinueOnlyWhenTheHandlerAsks) {
  ServerThread server(handler);
  RawSocket client(server.port);
  client.say("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.hear("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.say("hello");
  EXPECT_EQ(body_of(client.hear("hello")), "hello");
  client.say(get("/a"));
  EXPECT_EQ(body_of(client.hear("ignored")), "ignored") << "the connection is kept";
}

TEST_F(HttpServerTest, LargeBodiesOfBothFramings) {
  ServerThread server(handler);
  RawSocket client(server.port);
  std::string body;
  for (int i = 0; body.size() < 900'000; ++i)
    body += std::to_string(i) + ",";
  client.say("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
             "\r\n\r\n" + body);
  EXPECT_EQ(body_of(client.hear(body.substr(body.size() - 20))), body);
  std::string chunked;
  for (size_t at = 0; at < body.size(); at += 10'000) {
    wire::append_chunk(chunked, std::string_view(body).substr(at, 10'000));
  }
  chunked += wire::kLastChunk;
  client.say("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked);
  EXPECT_EQ(body_of(client.hear(body.substr(body.size() - 20))), body);
}

TEST_F(HttpServerTest, StreamsWhileReading) {
  ServerThread server(handler);
  RawSocket client(server.port);
  const std::string piece(30'000, 'p');
  std::thread sender([&] {
    client.say("POST /stream-echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    for (int i = 0; i < 100; ++i)
      client.say(piece);
  });
  const std::string answer = client.hear("\r\n0\r\n\r\n");
  sender.join();
  EXPECT_EQ(unchunk(body_of(answer)).size(), 3'000'000U);
}

TEST_F(HttpServerTest, UnreadBodyIsDrainedAndTheConnectionKept) {
  ServerThread server(handler);
  RawSocket client(server.port);
  client.say("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" +
             std::string(100'000, 'x') + get("/a") + get("/b", "Connection: close\r\n"));
  const std::string heard = client.hear("");
  EXPECT_NE(heard.find("ignoredHTTP/1.1 200"), std::string::npos) << heard;
  EXPECT_GT(heard.find("onnection: close"), heard.rfind("HTTP/1.1 200")) << heard;
}

TEST_F(HttpServerTest, UnreadBodyThatIsTooLargeClosesAndSaysSo) {
  ServerThread server(handler);
  RawSocket client(server.port);
  client.say("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nabc");
  const std::string heard = client.hear("", 2500);
  EXPECT_NE(heard.find("ignored<end>"), std::string::npos) << heard;
  EXPECT_NE(heard.find("onnection: close"), std::string::npos) << heard;
}

TEST_F(HttpServerTest, UnfinishedAnswerIsNeverACleanEnd) {
  ServerThread server(handler);
  for (const char* path : {"/half", "/short"}) {
    RawSocket client(server.port);
    client.say(get(path));
    const std::string heard = client.hear("");
    EXPECT_TRUE(heard.ends_with("<reset>")) << path << heard;
    EXPECT_EQ(heard.find("\r\n0\r\n\r\n"), std::string::npos) << heard;
  }
}

TEST_F(HttpServerTest, SlowReaderHoldsTheHandlerBack) {
  ServerThread server(handler);
  RawSocket client(server.port, 16 * 1024);
  client.say(get("/large"));
  std::this_thread::sleep_for(Milliseconds{300});
  const int64_t held = handler.taken;
  EXPECT_LT(held, 16 * 1024 * 1024)
      << "64 MiB must not be buffered for a client that does not read";
  std::this_thread::sleep_for(Milliseconds{100});
  EXPECT_EQ(handler.taken, held);
}

TEST_F(HttpServerTest, ClientThatTakesNothingIsGivenUp) {
  HttpServerOptions options;
  options.write_timeout = Milliseconds{150};
  ServerThread server(handler, std::move(options));
  RawSocket client(server.port, 16 * 1024);
  client.say(get("/large"));
  for (int i = 0; i < 100 && server.connections() > 0; ++i) {
    std::this_thread::sleep_for(Milliseconds{10});
  }
  // Nothing is there until the server has accepted: wait for that first.
  std::this_thread::sleep_for(Milliseconds{400});
  EXPECT_EQ(server.connections(), 0U);
  const std::string heard = client.hear("");
  EXPECT_TRUE(heard.ends_with("<reset>"));
}

TEST_F(HttpServerTest, DisconnectIsNoticedWhileTheHandlerWaits) {
  ServerThread server(handler);
  {
    RawSocket client(server.port);
    client.say(get("/wait"));
    std::this_thread::sleep_for(Milliseconds{120});
    EXPECT_EQ(handler.gone, 0);
  }
  {
    RawSocket client(server.port);
    client.say("POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  }  // gone before the first look
  for (int i = 0; i < 100 && handler.gone < 2; ++i) {
    std::this_thread::sleep_for(Milliseconds{10});
  }
  EXPECT_EQ(handler.gone, 2);
}

TEST_F(HttpServerTest, TimeoutsOfHeadIdleAndBody) {
  HttpServerOptions options;
  options.head_timeout = Milliseconds{100};
  options.idle_timeout = Milliseconds{100};
  options.body_timeout = Milliseconds{100};
  ServerThread server(handler, std::move(options));
  RawSocket silent(server.port);
  RawSocket dripping(server.port);
  dripping.say("GET / HTTP/1.1\r\nHo");
  RawSocket idle(server.port);
  idle.say(get("/a"));
  RawSocket stuck(server.port);
  stuck.say("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_EQ(silent.hear("", 1500), "<end>");
  EXPECT_NE(dripping.hear("", 1500).find("408 "), std::string::npos);
  EXPECT_EQ(body_of(idle.hear("", 1500)), "ignored<end>");
  const std::string heard = stuck.hear("", 1500);
  EXPECT_NE(heard.find("408 "), std::string::npos) << heard;
  EXPECT_TRUE(heard.ends_with("fault<end>")) << heard;
}

TEST_F(HttpServerTest, TooManyConnectionsAreToldSo) {
  HttpServerOptions options;
  options.connections_max = 1;
  ServerThread server(handler, std::move(options));
  RawSocket first(server.port);
  first.say(get("/a"));
  first.hear("ignored");
  RawSocket second(server.port);
  const std::string heard = second.hear("");
  EXPECT_NE(heard.find("503 "), std::string::npos) << heard;
  const std::string body = body_of(heard);
  EXPECT_NE(heard.find("content-length: " + std::to_string(body.size() - 5)), std::string::npos);
}

Task<> drain_into(HttpServer& server, Milliseconds at_most, std::atomic<int64_t>& cut) {
  cut = static_cast<int64_t>(co_await server.drain(at_most));
}

TEST_F(HttpServerTest, DrainEndsIdleWaitsForBusyAndCutsTheRest) {
  ServerThread server(handler);
  RawSocket idle(server.port);
  idle.say(get("/a"));
  idle.hear("ignored");
  RawSocket silent(server.port);
  RawSocket busy(server.port);
  busy.say(get("/slow"));
  RawSocket stuck(server.port);
  stuck.say(get("/wait"));
  std::this_thread::sleep_for(Milliseconds{50});
  std::atomic<int64_t> cut{-1};
  server.loop.post([&] { spawn(server.loop, drain_into(*server.server, Milliseconds{400}, cut)); });
  EXPECT_EQ(idle.hear(""), "<end>");
  EXPECT_EQ(silent.hear(""), "<end>");
  const std::string heard = busy.hear("");
  EXPECT_TRUE(heard.ends_with("slow<end>")) << heard;
  EXPECT_TRUE(stuck.hear("").ends_with("<reset>"));
  for (int i = 0; i < 200 && cut < 0; ++i)
    std::this_thread::sleep_for(Milliseconds{10});
  EXPECT_EQ(cut, 1);
  RawSocket late(server.port);
  EXPECT_FALSE(late.connected());
}

}  // namespace
}  // namespace satgate::net
