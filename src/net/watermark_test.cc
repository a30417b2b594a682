#include "net/watermark.h"

#include <gtest/gtest.h>

#include <vector>

#include "net/test_support.h"

namespace satgate::net {
namespace {

Task<> wait_for(Watermark& mark, uint64_t number, std::vector<int>& seen) {
  const bool reached = co_await mark.reached(number);
  seen.push_back(reached ? static_cast<int>(number) : -static_cast<int>(number));
}

Task<> pause(Loop& loop) {
  co_await sleep(loop, Milliseconds{1});
}

TEST(Watermark, LetsThoseGoOnWhoseNumberHasCome) {
  Loop loop;
  Watermark mark(loop);
  std::vector<int> seen;
  for (const uint64_t number : std::vector<uint64_t>{1, 2, 2, 5})
    spawn(loop, wait_for(mark, number, seen));
  testing::run_to_end(loop, pause(loop));
  EXPECT_TRUE(mark.waiting());
  EXPECT_EQ(seen, std::vector<int>());
  mark.advance(2);
  testing::run_to_end(loop, pause(loop));
  EXPECT_EQ(seen, (std::vector{1, 2, 2}));
  mark.advance(1);  // it never goes back
  spawn(loop, wait_for(mark, 2, seen));
  testing::run_to_end(loop, pause(loop));
  EXPECT_EQ(seen, (std::vector{1, 2, 2, 2}));
  mark.fail();
  spawn(loop, wait_for(mark, 1, seen));
  spawn(loop, wait_for(mark, 6, seen));
  testing::run_to_end(loop, pause(loop));
  EXPECT_EQ(seen, (std::vector{1, 2, 2, 2, -5, 1, -6}));
  EXPECT_FALSE(mark.waiting());
}

TEST(Watermark, MayGoWhileSomebodyWaits) {
  Watermark* mark = nullptr;
  std::vector<int> seen;
  {
    Loop loop;
    mark = new Watermark(loop);
    spawn(loop, wait_for(*mark, 1, seen));
    spawn(loop, wait_for(*mark, 2, seen));
    testing::run_to_end(loop, pause(loop));
  }
  EXPECT_FALSE(mark->waiting()) << "the loop has destroyed those who waited";
  EXPECT_EQ(seen, std::vector<int>());
  delete mark;
}

// As the record of a call: written at the end of the turn for all who wait.
struct Writer {
  Watermark mark;
  uint64_t queued = 0;
  int writes = 0;
  TurnHook hook;

  explicit Writer(Loop& loop) : mark(loop), hook(loop, &Writer::write, this) {}
  static void write(void* self) {
    auto& writer = *static_cast<Writer*>(self);
    if (!writer.mark.waiting()) return;
    ++writer.writes;
    writer.mark.advance(writer.queued);
  }
};

Task<> write_twice(Writer& writer, int& left, Loop& loop) {
  for (int i = 0; i < 2; ++i) {
    const bool written = co_await writer.mark.reached(++writer.queued);
    EXPECT_TRUE(written);
  }
  if (--left == 0) loop.stop();
}

TEST(TurnHook, ServesAllOfATurnAtOnceAndWhatTheyThenAskFor) {
  Loop loop;
  Writer writer(loop);
  int left = 10;
  for (int i = 0; i < 10; ++i)
    spawn(loop, write_twice(writer, left, loop));
  loop.run_for(Milliseconds{2000});
  EXPECT_EQ(left, 0);
  EXPECT_EQ(writer.writes, 2) << "one write for each round of ten";
}

}  // namespace
}  // namespace satgate::net
