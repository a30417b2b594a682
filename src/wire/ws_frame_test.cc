#include "wire/ws_frame.h"

#include <gtest/gtest.h>

namespace satgate::wire {
namespace {

using namespace std::string_literals;

TEST(WsFrame, WritesTheExampleOfTheRfc) {
  std::string out;
  append_client_frame(out, FrameKind::text, "Hello", {0x37, 0xfa, 0x21, 0x3d});
  EXPECT_EQ(out, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s);
}

TEST(WsFrame, WritesEachFormOfALength) {
  for (const auto& [size, head] : {std::pair<size_t, size_t>{125, 2}, {126, 4}, {65'536, 10}}) {
    std::string out;
    append_client_frame(out, FrameKind::text, std::string(size, 'a'), {0, 0, 0, 0});
    EXPECT_EQ(out.size(), head + 4 + size);
    EXPECT_EQ(out.substr(head + 4), std::string(size, 'a'));
  }
}

TEST(WsFrame, ReadsWhatComesInPieces) {
  const std::string whole = "\x01\x03Hel\x80\x02lo\x89\x00"s;
  std::string_view rest = whole;
  for (const std::string_view expected : {"Hel", "lo", ""}) {
    FrameResult result;
    for (size_t size = 0; result.progress == Progress::need_more; ++size)
      result = read_server_frame(rest.substr(0, size), 10);
    ASSERT_EQ(result.progress, Progress::done);
    EXPECT_EQ(result.frame.payload, expected);
    EXPECT_EQ(result.frame.is_final, expected != "Hel");
    rest.remove_prefix(result.consumed);
  }
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(read_server_frame("\x81\x7e\x00\x7e"s + std::string(126, 'b'), 126).consumed, 130U);
}

TEST(WsFrame, RefusesWhatAServerDoesNotSend) {
  for (const std::string& bad : {
           "\x81\x85"s,                      // masked
           "\xc1\x00"s,                      // a reserved bit
           "\x83\x00"s,                      // a kind that is none
           "\x09\x00"s,                      // a ping in pieces
           "\x89\x7e\x00\x7e"s,              // a long ping
           "\x81\x7e\x00\x7d"s,              // a length that is not the shortest
           "\x81\x7f\0\0\0\0\0\0\xff\xff"s,  // as well
           "\x81\x7f\xff\0\0\0\0\0\0\0"s,    // more than is wanted
           "\x81\x0b"s,                      // as well
       }) {
    EXPECT_EQ(read_server_frame(bad, 10).progress, Progress::refused) << bad;
  }
}

}  // namespace
}  // namespace satgate::wire
