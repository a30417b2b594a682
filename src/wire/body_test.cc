#include "wire/body.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace satgate::wire {
namespace {

// The decoded body, or the error's name in brackets.
std::string decode(std::string_view input) {
  ChunkDecoder decoder;
  std::string body;
  for (;;) {
    const BodyStep step = decoder.next(input);
    body += step.data;
    input.remove_prefix(step.consumed);
    if (step.progress == Progress::done) return body + (input.empty() ? "" : "|rest");
    if (step.progress == Progress::refused) return "[" + std::string(to_string(step.error)) + "]";
    if (input.empty()) return body + "|cut";
  }
}

TEST(Chunks, EncodeThenDecode) {
  for (const size_t size : {1U, 9U, 10U, 15U, 16U, 255U, 256U, 65535U, 65536U}) {
    const std::string data(size, 'x');
    std::string out;
    append_chunk(out, data);
    append_chunk(out, "");  // must not end the body
    append_chunk(out, "tail");
    out += kLastChunk;
    EXPECT_EQ(decode(out), data + "tail") << size;
  }
}

TEST(Chunks, PrefixOfTheLargestSizeFits) {
  char prefix[kChunkPrefixBytesMax];
  EXPECT_EQ(std::string(prefix, write_chunk_prefix(UINT64_MAX, prefix)), "ffffffffffffffff\r\n");
  EXPECT_EQ(std::string(prefix, write_chunk_prefix(0x1a0, prefix)), "1a0\r\n");
}

TEST(Chunks, LargestAcceptedSizeIsBelowTwoToThe63) {
  EXPECT_EQ(decode("7fffffffffffffff\r\nab"), "ab|cut");
  EXPECT_EQ(decode("8000000000000000\r\nab"), "[bad_chunk_size]");
  EXPECT_EQ(decode("ffffffffffffffffff\r\nab"), "[bad_chunk_size]");
}

TEST(Chunks, LinesAndTrailersAreBounded) {
  const size_t max = limits::chunk_line_bytes_max;
  EXPECT_EQ(decode("1;" + std::string(max - 4, 'e') + "\r\na\r\n0\r\n\r\n"), "a");
  EXPECT_EQ(decode("1;" + std::string(max - 3, 'e') + "\r\na\r\n0\r\n\r\n"),
            "[chunk_line_too_long]");
  EXPECT_EQ(decode(std::string(max + 1, '0')), "[chunk_line_too_long]");
  std::string trailers = "0\r\n";
  while (trailers.size() < limits::trailer_bytes_max + 10)
    trailers += "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n";
  EXPECT_EQ(decode(trailers + "\r\n"), "[trailers_too_large]");
}

TEST(Chunks, EachLineHasItsOwnBound) {
  std::string many;
  for (int i = 0; i < 1000; ++i)
    many += "1;ext=1\r\na\r\n";
  EXPECT_EQ(decode(many + "0\r\n\r\n"), std::string(1000, 'a'));
}

TEST(Chunks, ARefusalStays) {
  ChunkDecoder decoder;
  EXPECT_EQ(decoder.next("x").progress, Progress::refused);
  const BodyStep again = decoder.next("0\r\n\r\n");
  EXPECT_EQ(again.progress, Progress::refused);
  EXPECT_EQ(again.error, ParseError::bad_chunk_size);
  EXPECT_EQ(again.consumed, 0U);
}

TEST(BodyReader, StopsAtItsEndAndLeavesTheRest) {
  BodyReader reader(BodyFraming::length(3));
  EXPECT_FALSE(reader.is_done());
  const BodyStep step = reader.next("abcdef");
  EXPECT_EQ(step.data, "abc");
  EXPECT_EQ(step.consumed, 3U);
  EXPECT_EQ(step.progress, Progress::done);
  EXPECT_TRUE(reader.end_of_stream());
  EXPECT_EQ(reader.next("def").consumed, 0U);
}

TEST(BodyReader, EmptyBodiesAreDoneAtOnce) {
  EXPECT_TRUE(BodyReader(BodyFraming::none()).is_done());
  EXPECT_TRUE(BodyReader(BodyFraming::length(0)).is_done());
  EXPECT_TRUE(BodyReader().is_done());
}

TEST(BodyReader, TellsAWholeBodyFromACutOne) {
  BodyReader length(BodyFraming::length(3));
  EXPECT_EQ(length.next("ab").progress, Progress::need_more);
  EXPECT_FALSE(length.end_of_stream());
  BodyReader chunked(BodyFraming::chunked());
  EXPECT_EQ(chunked.next("0\r\n").progress, Progress::need_more);
  EXPECT_FALSE(chunked.end_of_stream());
  BodyReader until_close(BodyFraming::until_close());
  EXPECT_EQ(until_close.next("ab").data, "ab");
  EXPECT_FALSE(until_close.is_done());
  EXPECT_TRUE(until_close.end_of_stream());
}

}  // namespace
}  // namespace satgate::wire
