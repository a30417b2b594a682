#include "wire/parser.h"

#include <gtest/gtest.h>

#include "wire/test_verdict.h"

namespace satgate::wire {
namespace {

using test::converse;
using test::Kind;

HeadResult parse(std::string_view bytes, RequestHead& head, const HeadLimits& limits = {}) {
  HeadCursor cursor;
  return parse_request_head(bytes, cursor, head, limits);
}

ParseError error_of(std::string_view bytes, const HeadLimits& limits = {}) {
  RequestHead head;
  const HeadResult result = parse(bytes, head, limits);
  EXPECT_EQ(result.progress == Progress::refused, result.error != ParseError::none);
  return result.error;
}

TEST(RequestHead, TakesApartTargetAndFields) {
  const std::string_view bytes =
      "POST /v1/chat?a=1?b HTTP/1.1\r\nHost: api.example:8080\r\nX-A: 1 \r\nx-a:\t2\r\n"
      "Content-Length: 2\r\nExpect: 100-continue\r\n\r\nhi";
  RequestHead head;
  const HeadResult result = parse(bytes, head);
  ASSERT_EQ(result.progress, Progress::done);
  EXPECT_EQ(bytes.substr(result.consumed), "hi");
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/v1/chat?a=1?b");
  EXPECT_EQ(head.path, "/v1/chat");
  EXPECT_EQ(head.query, "a=1?b");
  EXPECT_EQ(head.host, "api.example:8080");
  EXPECT_TRUE(head.expect_continue);
  EXPECT_EQ(head.framing, BodyFraming::length(2));
  EXPECT_EQ(head.fields.size(), 5U);
  EXPECT_EQ(head.fields.find("X-a"), "1");
  EXPECT_EQ(head.fields.count("x-A"), 2U);
  EXPECT_EQ(head.fields.find_single("x-a"), std::nullopt) << "two are an ambiguity";
  EXPECT_EQ(head.fields.find_single("HOST"), "api.example:8080");
  EXPECT_EQ(head.fields.find("absent"), std::nullopt);
}

TEST(RequestHead, ReusedHeadForgetsTheLastMessage) {
  RequestHead head;
  ASSERT_EQ(parse("POST /a?b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                  "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
                  head)
                .progress,
            Progress::done);
  EXPECT_FALSE(head.keep_alive);
  ASSERT_EQ(parse("GET / HTTP/1.1\r\nHost: b\r\n\r\n", head).progress, Progress::done);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.expect_continue);
  EXPECT_EQ(head.framing, BodyFraming::none());
  EXPECT_EQ(head.query, "");
  EXPECT_EQ(head.fields.size(), 1U);
}

TEST(RequestHead, ExpectationCountsOnlyWithABodyAndOnHttp11) {
  RequestHead head;
  ASSERT_EQ(parse("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", head).progress,
            Progress::done);
  EXPECT_FALSE(head.expect_continue);
  ASSERT_EQ(
      parse("PUT / HTTP/1.0\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n", head)
          .progress,
      Progress::done);
  EXPECT_FALSE(head.expect_continue);
}

std::string request_with(size_t head_bytes) {
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  text.append(head_bytes - text.size() - 4, 'x');
  return text + "\r\n\r\n";
}

TEST(HeadLimits, HoldExactlyAtTheirEdge) {
  HeadLimits limits;
  limits.head_bytes_max = 1000;
  EXPECT_EQ(error_of(request_with(1000), limits), ParseError::none);
  EXPECT_EQ(error_of(request_with(1001), limits), ParseError::head_too_large);
  limits.field_count_max = 2;
  const std::string two = "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n";
  EXPECT_EQ(error_of(two + "\r\n", limits), ParseError::none);
  EXPECT_EQ(error_of(two + "Y: 1\r\n\r\n", limits), ParseError::too_many_fields);
  limits.target_bytes_max = 10;
  EXPECT_EQ(error_of("GET /23456789a HTTP/1.1\r\nHost: a\r\n\r\n", limits), ParseError::none);
  EXPECT_EQ(error_of("GET /23456789ab HTTP/1.1\r\nHost: a\r\n\r\n", limits),
            ParseError::target_too_long);
  limits.content_length_max = 5;
  EXPECT_EQ(error_of("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", limits),
            ParseError::none);
  EXPECT_EQ(error_of("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n", limits),
            ParseError::body_too_large);
}

TEST(HeadLimits, AMoreGenerousFieldLimitCannotOverflowTheArray) {
  HeadLimits limits;
  limits.field_count_max = 100000;
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (size_t i = 0; i < Fields::kCapacity; ++i)
    text += "X: 1\r\n";
  EXPECT_EQ(error_of(text + "\r\n", limits), ParseError::too_many_fields);
}

TEST(HeadLimits, EndlessHeadsAreRefusedWithoutTheirEnd) {
  const std::string line = "GET /" + std::string(limits::target_bytes_max + 100, 'a');
  EXPECT_EQ(error_of(line), ParseError::target_too_long);
  std::string fields = "GET / HTTP/1.1\r\nX: ";
  fields.resize(limits::head_bytes_max - 1, 'a');
  EXPECT_EQ(error_of(fields), ParseError::none);
  fields += 'a';
  EXPECT_EQ(error_of(fields), ParseError::head_too_large);
}

// The same bytes in one piece or one by one: same verdict also at the limits.
TEST(HeadLimits, DoNotDependOnPieces) {
  HeadLimits limits;
  limits.head_bytes_max = 300;
  limits.target_bytes_max = 40;
  for (size_t n = 30; n < 140; ++n) {
    const std::string method(n / 2, 'M');
    const std::string bytes = method + " /" + std::string(n, 'a') +
                              " HTTP/1.1\r\nHost: a\r\nX: " + std::string(2 * n, 'b') + "\r\n\r\n";
    RequestHead head;
    const HeadResult whole = parse(bytes, head, limits);
    HeadCursor cursor;
    HeadResult split;
    for (size_t end = 1; end <= bytes.size() && split.progress == Progress::need_more; ++end)
      split = parse_request_head(std::string_view(bytes).substr(0, end), cursor, head, limits);
    EXPECT_EQ(to_string(whole.error), to_string(split.error)) << n;
    EXPECT_EQ(whole.progress, split.progress) << n;
  }
}

TEST(ResponseHead, ReadsStatusReasonAndDescribedLength) {
  ResponseHead head;
  HeadCursor cursor;
  const std::string_view bytes = "HTTP/1.1 404 Not Found at all\r\nContent-Length: 7\r\n\r\n";
  ASSERT_EQ(parse_response_head(bytes, cursor, head, true).progress, Progress::done);
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(head.reason, "Not Found at all");
  EXPECT_EQ(head.described_length, 7U);
  EXPECT_EQ(head.framing, BodyFraming::none());
  cursor = {};
  ASSERT_EQ(parse_response_head(bytes, cursor, head, false).progress, Progress::done);
  EXPECT_EQ(head.described_length, std::nullopt);
  EXPECT_EQ(head.framing, BodyFraming::length(7));
}

TEST(ForwardFilter, DropsHopByHopFramingAndNamedFields) {
  RequestHead head;
  ASSERT_EQ(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\n"
                  "X-End: 2\r\nTE: trailers\r\nUpgrade: h2c\r\nKeep-Alive: 5\r\n"
                  "Proxy-Authorization: b\r\nTrailer: X\r\nExpect: 100-continue\r\n"
                  "Content-Length: 0\r\nAlt-Svc: clear\r\n\r\n",
                  head)
                .progress,
            Progress::done);
  const ForwardFilter filter(head.fields, Direction::request);
  std::string kept;
  for (const Field& field : head.fields) {
    if (filter.forwards(field.name)) (kept += field.name) += ' ';
  }
  EXPECT_EQ(kept, "X-End Alt-Svc ");
  EXPECT_FALSE(ForwardFilter(head.fields, Direction::response).forwards("alt-svc"));
}

TEST(ParseErrors, HaveAStatusOnTheList) {
  for (int i = 1; i <= static_cast<int>(ParseError::trailers_too_large); ++i) {
    const auto error = static_cast<ParseError>(i);
    const int status = http_status(error);
    EXPECT_TRUE(status == 400 || status == 413 || status == 414 || status == 417 || status == 431 ||
                status == 501 || status == 505)
        << to_string(error);
    EXPECT_TRUE(sentence(error).ends_with('.')) << to_string(error);
  }
}

// A head that comes one byte at a time must not be searched from its start each time.
TEST(HeadCursor, NeverLooksAtABytesTwiceWhileSearching) {
  const std::string bytes = request_with(60000);
  HeadCursor cursor;
  RequestHead head;
  for (size_t end = 1; end < bytes.size(); ++end) {
    ASSERT_EQ(parse_request_head(std::string_view(bytes).substr(0, end), cursor, head).progress,
              Progress::need_more);
    ASSERT_EQ(cursor.scanned, end);
  }
}

}  // namespace
}  // namespace satgate::wire
