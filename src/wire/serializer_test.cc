#include "wire/serializer.h"

#include <gtest/gtest.h>

#include "wire/parser.h"

namespace satgate::wire {
namespace {

TEST(HeadWriter, RequestRoundTrip) {
  std::string out = "before";
  HeadWriter writer(out);
  writer.request("POST", "/v1/x?a=b", "api.example:8443").field("X-A", "1").field("X-N", 42);
  ASSERT_TRUE(writer.finish(BodyFraming::chunked()));
  ASSERT_TRUE(out.starts_with("before"));
  const std::string_view bytes = std::string_view(out).substr(6);
  RequestHead head;
  HeadCursor cursor;
  const HeadResult result = parse_request_head(bytes, cursor, head);
  ASSERT_EQ(result.progress, Progress::done) << sentence(result.error);
  EXPECT_EQ(result.consumed, bytes.size());
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/v1/x?a=b");
  EXPECT_EQ(head.host, "api.example:8443");
  EXPECT_EQ(head.fields.find("x-n"), "42");
  EXPECT_EQ(head.framing, BodyFraming::chunked());
}

struct ResponseRow {
  int status;
  bool to_head;
  BodyFraming framing;
  std::string_view tail;  // after the status line; "refused" if it is
};

TEST(HeadWriter, ResponseFramingTable) {
  using F = BodyFraming;
  const ResponseRow rows[] = {
      {200, false, F::none(), "content-length: 0\r\n\r\n"},
      {200, false, F::length(0), "content-length: 0\r\n\r\n"},
      {200, false, F::length(7), "content-length: 7\r\n\r\n"},
      {200, false, F::chunked(), "transfer-encoding: chunked\r\n\r\n"},
      {200, false, F::until_close(), "connection: close\r\n\r\n"},
      {200, true, F::none(), "\r\n"},
      {200, true, F::length(7), "refused"},
      {204, false, F::none(), "\r\n"},
      {204, false, F::length(1), "refused"},
      {304, false, F::chunked(), "refused"},
      {103, false, F::none(), "\r\n"},
      {103, false, F::length(0), "refused"},
      {101, false, F::none(), "refused"},
      {99, false, F::none(), "refused"},
      {600, false, F::none(), "refused"},
  };
  for (const ResponseRow& row : rows) {
    std::string out;
    HeadWriter writer(out);
    writer.response(row.status, {}, row.to_head);
    const bool ok = writer.finish(row.framing).has_value();
    EXPECT_EQ(ok, row.tail != "refused") << row.status;
    if (ok) {
      EXPECT_EQ(out.substr(out.find("\r\n") + 2), row.tail) << row.status;
    } else {
      EXPECT_EQ(out, "") << "a refused head leaves nothing behind";
    }
  }
}

TEST(HeadWriter, RequestFraming) {
  const auto tail = [](std::string_view method, BodyFraming framing) {
    std::string out;
    HeadWriter writer(out);
    writer.request(method, "/", "a");
    if (!writer.finish(framing)) return std::string("refused");
    return out.substr(out.find("host: a\r\n") + 9);
  };
  EXPECT_EQ(tail("GET", BodyFraming::none()), "\r\n");
  EXPECT_EQ(tail("DELETE", BodyFraming::none()), "\r\n");
  EXPECT_EQ(tail("POST", BodyFraming::none()), "content-length: 0\r\n\r\n");
  EXPECT_EQ(tail("GET", BodyFraming::length(3)), "content-length: 3\r\n\r\n");
  EXPECT_EQ(tail("POST", BodyFraming::until_close()), "refused");
}

TEST(HeadWriter, RefusesWhatCouldBreakALine) {
  const std::pair<std::string_view, std::string_view> rows[] = {{"X", "a\r\nY: b"},
                                                                {"X", "a\nb"},
                                                                {"X", std::string_view("a\0b", 3)},
                                                                {"X", "\x7f"},
                                                                {"X\r\nY", "a"},
                                                                {"X:", "a"},
                                                                {"X Y", "a"},
                                                                {"", "a"},
                                                                {"Content-Length", "3"},
                                                                {"transfer-encoding", "x"},
                                                                {"Host", "other"},
                                                                {"Connection", "close"},
                                                                {"Upgrade", "h2c"},
                                                                {"TE", "trailers"}};
  for (const auto& [name, value] : rows) {
    std::string out = "kept";
    HeadWriter writer(out);
    writer.response(200).field(name, value);
    EXPECT_FALSE(writer.finish(BodyFraming::none())) << name << ": " << value;
    EXPECT_EQ(out, "kept");
  }
}

TEST(HeadWriter, RefusesBadFirstLines) {
  const auto ok = [](std::string_view method, std::string_view target, std::string_view host) {
    std::string out;
    return HeadWriter(out).request(method, target, host).finish(BodyFraming::none()).has_value();
  };
  EXPECT_TRUE(ok("GET", "/", "a:1"));
  EXPECT_FALSE(ok("G T", "/", "a"));
  EXPECT_FALSE(ok("", "/", "a"));
  EXPECT_FALSE(ok("GET", "/ HTTP/1.1\r\nX: y", "a"));
  EXPECT_FALSE(ok("GET", "", "a"));
  EXPECT_FALSE(ok("GET", "*", "a"));
  EXPECT_FALSE(ok("GET", "/", "a\r\nX: y"));
  EXPECT_FALSE(ok("GET", "/", ""));
  std::string out;
  EXPECT_FALSE(HeadWriter(out).response(200, "a\r\nb").finish(BodyFraming::none()));
  EXPECT_FALSE(HeadWriter(out).response(200).response(200).finish(BodyFraming::none()));
  EXPECT_FALSE(HeadWriter(out).field("X", "y").finish(BodyFraming::none()));
  EXPECT_FALSE(HeadWriter(out).finish(BodyFraming::none()));
}

TEST(HeadWriter, ForwardsWithoutFramingAndWithoutTheNamed) {
  const std::string_view bytes =
      "HTTP/1.1 200 OK\r\nX-A: 1\r\nConnection: x-hop\r\nX-Hop: 1\r\nTransfer-Encoding: chunked\r\n"
      "Set-Cookie: a\r\nSet-Cookie: b\r\nX-Drop: 1\r\nAlt-Svc: h3\r\nHost: evil\r\n\r\n";
  ResponseHead head;
  HeadCursor cursor;
  ASSERT_EQ(parse_response_head(bytes, cursor, head, false).progress, Progress::done);
  std::string out;
  HeadWriter writer(out);
  const std::string_view without[] = {"x-drop"};
  writer.response(head.status, head.reason).forward(head.fields, Direction::response, without);
  ASSERT_TRUE(writer.finish(BodyFraming::length(5)));
  EXPECT_EQ(out,
            "HTTP/1.1 200 OK\r\nX-A: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
            "content-length: 5\r\n\r\n");
  std::string headless;
  HeadWriter early(headless);
  early.forward(head.fields, Direction::response, {});
  early.response(200);
  EXPECT_FALSE(early.finish(BodyFraming::none())) << "fields before a first line";
  EXPECT_EQ(headless, "");
}

TEST(HeadWriter, DescribesALengthOnlyWhereThereIsNoBody) {
  std::string out;
  EXPECT_TRUE(
      HeadWriter(out).response(200, {}, true).describe_length(9).finish(BodyFraming::none()));
  EXPECT_EQ(out, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n");
  EXPECT_FALSE(HeadWriter(out).response(200).describe_length(9).finish(BodyFraming::none()));
  EXPECT_FALSE(HeadWriter(out).response(304).describe_length(9).describe_length(9).finish(
      BodyFraming::none()));
}

}  // namespace
}  // namespace satgate::wire
