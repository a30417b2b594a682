// What edge-triggered events must not do: reach what has closed meanwhile, or be waited for when
// they have been told already.
#include "net/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/pipe.h"
#include "net/stream.h"
#include "net/test_support.h"

namespace satgate::net {
namespace {

using testing::run_to_end;

struct Pair {
  Pair() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
  }
  void say(std::string_view text) const {
    EXPECT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::array<int, 2> ends{};  // the first is the loop's, the second the test's
};

// Two descriptors, either of which ends the other at its first event.
struct Rivals {
  std::unique_ptr<Descriptor> one;
  std::unique_ptr<Descriptor> other;
  std::unique_ptr<Descriptor> successor;  // takes the number of the one that has gone
  Pair fresh;
  int calls = 0;

  void end(std::unique_ptr<Descriptor>& loser) {
    ++calls;
    if (loser == nullptr) return;
    Loop& loop = loser->loop();
    const int number = loser->fd();
    loser.reset();
    successor = std::make_unique<Descriptor>(loop);
    ASSERT_EQ(::dup2(fresh.ends[0], number), number);
    ASSERT_TRUE(successor->open(number));
    char byte = 0;
    EXPECT_EQ(successor->receive(&byte, 1), -1);
    EXPECT_FALSE(successor->may_read());
  }
};

TEST(Descriptor, AnEventOfOneThatHasClosedReachesNobodyElse) {
  Loop loop;
  Pair first;
  Pair second;
  Rivals rivals;
  rivals.one = std::make_unique<Descriptor>(loop);
  rivals.other = std::make_unique<Descriptor>(loop);
  ASSERT_TRUE(rivals.one->open(first.ends[0]));
  ASSERT_TRUE(rivals.other->open(second.ends[0]));
  rivals.one->on_event(
      [](void* subject) {
        auto* const both = static_cast<Rivals*>(subject);
        both->end(both->other);
      },
      &rivals);
  rivals.other->on_event(
      [](void* subject) {
        auto* const both = static_cast<Rivals*>(subject);
        both->end(both->one);
      },
      &rivals);
  first.say("x");  // both are told in one batch
  second.say("y");
  loop.run_for(Milliseconds{30});
  EXPECT_EQ(rivals.calls, 1) << "the one that had gone was called";
  ASSERT_NE(rivals.successor, nullptr);
  EXPECT_FALSE(rivals.successor->may_read()) << "it was told what was meant for another";
}

Task<> read_twice(Stream& stream, Milliseconds before, std::string& text, bool& ended) {
  co_await sleep(stream.loop(), before);
  std::array<char, 64> room;
  const Io<size_t> some = co_await stream.read_some(room);
  if (some) text.assign(room.data(), *some);
  const Io<size_t> end = co_await stream.read_some(room);
  ended = end && *end == 0;
}

// A short read says that there is no more, except when the end has been told already.
TEST(Descriptor, TheEndThatCameWithTheLastBytesIsReadWithoutAnotherEvent) {
  for (const Milliseconds before : {Milliseconds{0}, Milliseconds{50}}) {
    Loop loop;
    Pair pair;
    Stream stream(loop, Socket(pair.ends[0]));
    pair.say("hello");
    ::close(pair.ends[1]);
    std::string text;
    bool ended = false;
    EXPECT_TRUE(run_to_end(loop, read_twice(stream, before, text, ended))) << before.count();
    EXPECT_EQ(text, "hello");
    EXPECT_TRUE(ended);
  }
}

// Takes all there is, and says how much that was when somebody else had his turn.
Task<> take_all(Descriptor& from, size_t& taken, std::optional<size_t>& taken_before_others) {
  std::array<char, 4096> into{};
  while (true) {
    const PipeResult<size_t> got = co_await Pipe::Read(from, into);
    if (!got || *got == 0) co_return;
    if (taken == 0) from.loop().post([&] { taken_before_others = taken; });
    taken += *got;
  }
}

TEST(Descriptor, WhoWritesAsFastAsWeReadDoesNotKeepTheLoopToHimself) {
  constexpr size_t kBytes = 1024 * 1024;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC), 0);
  ASSERT_GE(::fcntl(ends[1], F_SETPIPE_SZ, kBytes), static_cast<int>(kBytes));
  const std::string flood(kBytes, 'x');
  ASSERT_EQ(::write(ends[1], flood.data(), flood.size()), static_cast<ssize_t>(flood.size()));
  ::close(ends[1]);
  Loop loop;
  Descriptor from(loop);
  ASSERT_TRUE(from.open(ends[0]));
  size_t taken = 0;
  std::optional<size_t> before_others;
  EXPECT_TRUE(run_to_end(loop, take_all(from, taken, before_others)));
  EXPECT_EQ(taken, kBytes) << "all of it comes, over many turns";
  ASSERT_TRUE(before_others);
  EXPECT_LE(*before_others, 128U * 1024);
}

TEST(Descriptor, OneThatIsClosedWhileItHasMoreToReadIsNotLookedAtAgain) {
  Pair pair;
  const std::string flood(100'000, 'x');
  Loop loop;
  auto from = std::make_unique<Descriptor>(loop);
  ASSERT_TRUE(from->open(pair.ends[0]));
  ASSERT_GT(::write(pair.ends[1], flood.data(), flood.size()), 70'000);
  std::array<char, 70'000> into{};
  while (from->receive(into.data(), into.size()) > 0) {
  }
  EXPECT_EQ(errno, EAGAIN);
  from.reset();
  loop.run_for(Milliseconds{30});
  ::close(pair.ends[1]);
}

}  // namespace
}  // namespace satgate::net
