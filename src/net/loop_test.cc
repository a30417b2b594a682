#include "net/loop.h"

#include <gtest/gtest.h>

#include <thread>

#include "net/listener.h"
#include "net/test_support.h"

namespace satgate::net {
namespace {

using testing::run_to_end;
using SteadyClock = std::chrono::steady_clock;

void note_time(void* subject) {
  *static_cast<SteadyClock::time_point*>(subject) = SteadyClock::now();
}

Task<> wait_for_ms(Loop& loop, int ms) {
  co_await sleep(loop, Milliseconds{ms});
}

TEST(Deadline, FiresAtMostTwoTicksLateAndNeverEarly) {
  Loop loop;
  for (const int ms : {0, 1, 20, 55, 130}) {
    SteadyClock::time_point fired{};
    Deadline deadline(loop, &note_time, &fired);
    const auto armed = SteadyClock::now();
    deadline.arm(Milliseconds{ms});
    ASSERT_TRUE(run_to_end(loop, wait_for_ms(loop, ms + 100)));
    ASSERT_NE(fired, SteadyClock::time_point{}) << ms;
    EXPECT_GE(fired - armed, Milliseconds{ms}) << ms;
    EXPECT_LE(fired - armed, Milliseconds{ms + 80}) << ms;
    EXPECT_FALSE(deadline.armed());
  }
}

TEST(Deadline, DisarmedOrDestroyedNeverFires) {
  Loop loop;
  SteadyClock::time_point fired{};
  Deadline disarmed(loop, &note_time, &fired);
  disarmed.arm(Milliseconds{20});
  disarmed.disarm();
  {
    Deadline destroyed(loop, &note_time, &fired);
    destroyed.arm(Milliseconds{20});
  }
  Deadline moved(loop, &note_time, &fired);
  moved.arm(Milliseconds{20});
  moved.arm(Milliseconds{60'000});
  ASSERT_TRUE(run_to_end(loop, wait_for_ms(loop, 120)));
  EXPECT_EQ(fired, SteadyClock::time_point{});
  EXPECT_TRUE(moved.armed());
}

TEST(Deadline, ThousandsInOneSlotAllFire) {
  Loop loop;
  int fired = 0;
  const auto count = [](void* subject) { ++*static_cast<int*>(subject); };
  std::vector<std::unique_ptr<Deadline>> all;
  for (int i = 0; i < 5000; ++i) {
    all.push_back(std::make_unique<Deadline>(loop, +count, &fired));
    all.back()->arm(Milliseconds{30});
  }
  ASSERT_TRUE(run_to_end(loop, wait_for_ms(loop, 150)));
  EXPECT_EQ(fired, 5000);
}

Task<> await_other_thread(std::thread& thread, std::string& got) {
  auto start = [&thread](Completion<std::string> done) {
    thread = std::thread([done] {
      done("from afar");
      done("ignored");
    });
  };
  got = co_await await_callback<std::string>(start);
}

TEST(AwaitCallback, ResumesOnItsOwnLoopWithTheFirstValue) {
  Loop loop;
  std::thread thread;
  std::string got;
  ASSERT_TRUE(run_to_end(loop, await_other_thread(thread, got)));
  thread.join();
  EXPECT_EQ(got, "from afar");
}

Task<> await_at_once(int& got) {
  auto start = [](Completion<int> done) { done(7); };
  got = co_await await_callback<int>(start);
}

TEST(AwaitCallback, MayBeCompletedBeforeItWaits) {
  Loop loop;
  int got = 0;
  ASSERT_TRUE(run_to_end(loop, await_at_once(got)));
  EXPECT_EQ(got, 7);
}

Task<std::thread::id> where() {
  co_return std::this_thread::get_id();
}

Task<> hop(Loop& other, std::thread::id& there, std::thread::id& here) {
  there = co_await run_on(other, where());
  here = std::this_thread::get_id();
}

TEST(RunOn, RunsThereAndComesBackHere) {
  Loop other;
  other.start();
  Loop loop;
  std::thread::id there;
  std::thread::id here;
  ASSERT_TRUE(run_to_end(loop, hop(other, there, here)));
  EXPECT_EQ(here, std::this_thread::get_id());
  EXPECT_NE(there, here);
}

Task<> wait_on(Event& event, int ms, int& result) {
  result = co_await event.wait(Milliseconds{ms}) ? 1 : 0;
}

TEST(Event, NotifiedEarlyLateOrNever) {
  Loop loop;
  Event event(loop);
  int result = -1;
  event.notify();
  ASSERT_TRUE(run_to_end(loop, wait_on(event, 1000, result)));
  EXPECT_EQ(result, 1) << "a notification before the wait is kept";
  ASSERT_TRUE(run_to_end(loop, wait_on(event, 10, result)));
  EXPECT_EQ(result, 0) << "and is used up by it";
  loop.post([&] { event.notify(); });
  ASSERT_TRUE(run_to_end(loop, wait_on(event, 2000, result)));
  EXPECT_EQ(result, 1);
  loop.post([&] { event.cancel(); });
  ASSERT_TRUE(run_to_end(loop, wait_on(event, 2000, result)));
  EXPECT_EQ(result, 0);
}

struct SetOnExit {
  explicit SetOnExit(bool& f) : flag(f) {}
  ~SetOnExit() { flag = true; }
  bool& flag;
};

Task<> wait_with_deadline(Loop& loop, bool& destroyed) {
  const SetOnExit guard(destroyed);
  Deadline deadline(loop, [](void*) {}, nullptr);
  deadline.arm(Milliseconds{60'000});
  co_await sleep(loop, Milliseconds{60'000});
}

TEST(Loop, DestroysTasksThatStillWait) {
  bool destroyed = false;
  {
    Loop loop;
    loop.start();
    spawn(loop, wait_with_deadline(loop, destroyed));
    std::this_thread::sleep_for(Milliseconds{20});
  }
  EXPECT_TRUE(destroyed);
}

TEST(ListenAddress, Table) {
  const struct {
    std::string_view text;
    std::string_view expected;  // empty: refused
  } cases[] = {
      {"127.0.0.1:8000", "127.0.0.1:8000"},
      {"8000", "127.0.0.1:8000"},
      {":8000", "0.0.0.0:8000"},
      {"*:80", "0.0.0.0:80"},
      {"localhost:0", "127.0.0.1:0"},
      {"[::1]:8000", "[::1]:8000"},
      {"[::]:1", "[::]:1"},
      {"::1:8000", ""},
      {"example.com:80", ""},
      {"127.0.0.1", ""},
      {"127.0.0.1:", ""},
      {"127.0.0.1:65536", ""},
      {"127.0.0.1:-1", ""},
      {"[127.0.0.1]:80", ""},
      {"[]:80", ""},
      {"", ""},
  };
  for (const auto& c : cases) {
    const auto parsed = parse_listen_address(c.text);
    EXPECT_EQ(parsed ? to_string(*parsed) : "", c.expected) << c.text;
  }
}

TEST(Listener, SecondGatewayOnTheSamePortIsRefusedAndSecondLoopIsNot) {
  Loop loop;
  ListenAddress address;
  address.host = "127.0.0.1";
  const auto first = Listener::open(loop, address);
  ASSERT_TRUE(first.has_value()) << first.error().message;
  ASSERT_NE((*first)->address().port, 0);
  const auto second = Listener::open(loop, (*first)->address());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().message, "cannot listen on " + to_string((*first)->address()) +
                                        ": the address is already in use");
  const auto joined = Listener::open(loop, (*first)->address(), Listener::Share::joined);
  EXPECT_TRUE(joined.has_value());
}

}  // namespace
}  // namespace satgate::net
