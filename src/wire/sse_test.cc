#include "wire/sse.h"

#include <gtest/gtest.h>

#include <vector>

namespace satgate::wire {
namespace {

struct Seen {
  std::vector<std::string> events;  // "type|data|id|retry" of those with data
  std::string raw;                  // all raw bytes and the tail
  SseEnd end = SseEnd::clean;
  std::string tail_data;
  bool too_large = false;
};

std::string show(const SseEvent& event) {
  return std::string(event.type) + "|" + std::string(event.data) + "|" +
         std::string(event.id.value_or("-")) + "|" +
         (event.retry_ms ? std::to_string(*event.retry_ms) : "-");
}

Seen play(std::string_view bytes, size_t piece, size_t max = limits::sse_event_bytes_max) {
  SseSplitter splitter(max);
  Seen seen;
  SseEvent event;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    if (!splitter.feed(bytes.substr(at, piece))) break;
    while (splitter.next(event)) {
      seen.raw += event.raw;
      if (event.has_data) seen.events.push_back(show(event));
    }
  }
  seen.too_large = splitter.is_too_large();
  seen.end = splitter.end(event);
  seen.raw += event.raw;
  seen.tail_data = event.data;
  return seen;
}

struct Row {
  std::string_view bytes;
  std::vector<std::string> events;
  SseEnd end = SseEnd::clean;
};

TEST(SseSplitter, TableInPiecesOfEverySize) {
  const Row rows[] = {
      {"", {}},
      {"data: a\n\n", {"|a|-|-"}},
      {"data: a\r\n\r\ndata: b\r\n\r\n", {"|a|-|-", "|b|-|-"}},
      {"data: a\r\rdata: b\r\r", {"|a|-|-", "|b|-|-"}},
      {"data: a\n\r\ndata: b\r\n\n", {"|a|-|-", "|b|-|-"}},
      {"data: a\n\rdata: b\r\n\r", {"|a|-|-", "|b|-|-"}},
      {"data: a\ndata: b\ndata\ndata:c\n\n", {"|a\nb\n\nc|-|-"}},
      {"data:\ndata:\n\n", {"|\n|-|-"}},
      {"data\n\n", {"||-|-"}},
      {"data:  two spaces\n\n", {"| two spaces|-|-"}},
      {"event: e\nid: 7\nretry: 1500\ndata: {\"a\":1}\n\n", {"e|{\"a\":1}|7|1500"}},
      {"retry: 1x\nretry: +1\nretry: \ndata: a\n\n", {"|a|-|-"}},
      {std::string_view("id: a\0b\ndata: a\n\n", 17), {"|a|-|-"}},
      {"id\ndata: a\n\n", {"|a||-"}},
      {": keep-alive\n\n:\n\ndata: a\n\n", {"|a|-|-"}},
      {"event: only\n\n", {}},
      {"Data: a\n data: b\ndatax: c\n\n", {}},
      {"\n\n\ndata: a\n\n\n\n", {"|a|-|-"}},
      {"\xEF\xBB\xBF"
       "data: a\n\n",
       {"|a|-|-"}},
      {"\xEF\xBB\xBF\ndata: a\n\n", {"|a|-|-"}},
      {"data: a\n\n\xEF\xBB\xBF"
       "data: b\n\n",
       {"|a|-|-"}},
      {"data: a\n\ndata: b", {"|a|-|-"}, SseEnd::cut},
      {"data: a\n\ndata: b\n", {"|a|-|-"}, SseEnd::cut},
      {"data: a\r\n\r\ndata: b\r\n\r", {"|a|-|-", "|b|-|-"}},
      {"da", {}, SseEnd::cut},
  };
  for (const Row& row : rows) {
    for (size_t piece = 1; piece <= row.bytes.size() + 1; ++piece) {
      const Seen seen = play(row.bytes, piece);
      EXPECT_EQ(seen.events, row.events) << row.bytes << " piece " << piece;
      EXPECT_EQ(seen.raw, row.bytes) << "not one byte may be lost; piece " << piece;
      EXPECT_EQ(seen.end, row.end) << row.bytes << " piece " << piece;
    }
  }
}

TEST(SseSplitter, ACutTailIsStillParsed) {
  EXPECT_EQ(play("data: a\n\ndata: [DONE]", 3).tail_data, "[DONE]");
  EXPECT_EQ(play("data: a\n\n", 3).tail_data, "");
}

// An LF that arrives after its event was handed out must not look like another empty line.
TEST(SseSplitter, HandsAnEventOutBeforeTheLfOfItsLastCrLf) {
  SseSplitter splitter;
  SseEvent event;
  ASSERT_TRUE(splitter.feed("data: a\r\n\r"));
  ASSERT_TRUE(splitter.next(event));
  EXPECT_EQ(event.data, "a");
  ASSERT_FALSE(splitter.next(event));
  ASSERT_TRUE(splitter.feed("\ndata: b\r\n"));
  ASSERT_FALSE(splitter.next(event));
  ASSERT_TRUE(splitter.feed("\r\n"));
  ASSERT_TRUE(splitter.next(event));
  EXPECT_EQ(event.data, "b");
  EXPECT_EQ(event.raw, "\ndata: b\r\n\r\n");
}

TEST(SseSplitter, EventsAreBoundedWholeOrNot) {
  const std::string fits = "data: " + std::string(92, 'x') + "\n\n";
  const std::string large = "data: " + std::string(93, 'x') + "\n\n";
  for (const size_t piece : {1U, 7U, 1000U}) {
    EXPECT_EQ(play(fits + fits, piece, 100).events.size(), 2U);
    EXPECT_FALSE(play(fits, piece, 100).too_large);
    EXPECT_TRUE(play(fits + large + fits, piece, 100).too_large);
    EXPECT_EQ(play(fits + large + fits, piece, 100).events.size(), 1U);
    EXPECT_TRUE(play(std::string(101, 'x'), piece, 100).too_large);
    EXPECT_TRUE(play(std::string(1000, ':'), piece, 100).too_large);
  }
}

TEST(SseSplitter, TooLargeIsForEverUntilReset) {
  SseSplitter splitter(10);
  SseEvent event;
  ASSERT_TRUE(splitter.feed("data: 123456789"));
  EXPECT_FALSE(splitter.next(event));
  EXPECT_TRUE(splitter.is_too_large());
  EXPECT_FALSE(splitter.feed("\n\n"));
  EXPECT_FALSE(splitter.next(event));
  splitter.reset();
  ASSERT_TRUE(splitter.feed("data: a\n\n"));
  EXPECT_TRUE(splitter.next(event));
}

}  // namespace
}  // namespace satgate::wire
