#include "flow/mcp/session.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/limits.h"
#include "flow/mcp/hub_test_support.h"
#include "flow/mcp/rounds.h"

namespace satgate::flow::mcp {
namespace {

using namespace testing;

constexpr Time kStart = Time::seconds(1'800'000'000);

Time later(int64_t seconds) {
  return satgate::later(kStart, seconds);
}

std::shared_ptr<Session> open(Sessions& sessions, std::string principal, Time now = kStart) {
  return sessions.open(std::move(principal), "2025-11-25", R"({"sampling":{}})", now);
}

TEST(Sessions, BelongToWhoOpenedThem) {
  Sessions sessions;
  const auto mine = open(sessions, "alice");
  EXPECT_EQ(sessions.find(mine->id(), "alice", kStart), mine);
  EXPECT_EQ(sessions.find(mine->id(), "bob", kStart), nullptr);
  EXPECT_EQ(sessions.close(mine->id(), "bob"), nullptr);
  EXPECT_EQ(sessions.close(mine->id(), "alice"), mine);
  EXPECT_EQ(sessions.find(mine->id(), "alice", kStart), nullptr);
}

// Who opens sessions without end takes only its own away.
TEST(Sessions, OneCallerCanNotDriveOutTheOthers) {
  Sessions sessions;
  const auto other = open(sessions, "bob");
  const auto first = open(sessions, "alice", later(1));
  for (size_t i = 0; i < limits::mcp_sessions_of_one_max; ++i)
    open(sessions, "alice", later(2));
  EXPECT_EQ(sessions.size(), limits::mcp_sessions_of_one_max + 1);
  EXPECT_EQ(sessions.find(first->id(), "alice", later(3)), nullptr);
  EXPECT_EQ(sessions.find(other->id(), "bob", later(3)), other);
}

TEST(Sessions, IdleOnesEnd) {
  Sessions sessions;
  const auto idle = open(sessions, "a");
  const auto used = open(sessions, "a");
  sessions.find(used->id(), "a", later(limits::mcp_session_idle_seconds - 1));
  const auto ended = sessions.expire(later(limits::mcp_session_idle_seconds));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0], idle);
  EXPECT_TRUE(sessions.expire(later(limits::mcp_session_idle_seconds)).empty());
}

// On a loop of its own, as the hub does.
std::future<Session::Answered> ask(net::Loop& loop, Session& session, Outbox& box) {
  return start_on(loop, session.ask("roots/list", "{}", box, {}, kStart));
}

TEST(Session, AnAskIsAnsweredOnceByItsId) {
  Session session("s", "p", "2025-11-25", "{}");
  net::Loop loop;
  loop.start();
  const auto box = std::make_shared<Outbox>();
  auto first = ask(loop, session, *box);
  auto second = ask(loop, session, *box);
  session.answer("99", {"{}", {}});  // to nothing
  EXPECT_TRUE(eventually([&] {
    session.answer("2", {R"({"n":2})", {}});
    return second.wait_for(milliseconds(0)) == std::future_status::ready;
  }));
  EXPECT_EQ(second.get()->result, R"({"n":2})");
  session.answer("1", {R"({"n":1})", {}});
  session.answer("1", {R"({"n":3})", {}});
  EXPECT_EQ(first.get()->result, R"({"n":1})");
}

TEST(Session, NobodyWaitsForEver) {
  Session session("s", "p", "2025-11-25", "{}");
  net::Loop loop;
  loop.start();
  const auto box = std::make_shared<Outbox>();
  auto late = ask(loop, session, *box);
  EXPECT_TRUE(eventually([&] {
    session.expire(later(limits::mcp_ask_seconds_max));
    return late.wait_for(milliseconds(0)) == std::future_status::ready;
  }));
  EXPECT_EQ(late.get().error().http_status, 504);
  auto open_ask = ask(loop, session, *box);
  session.close();
  EXPECT_EQ(open_ask.get().error().http_status, 404);
  EXPECT_EQ(ask(loop, session, *box).get().error().http_status, 404);
}

// One question of two is taken back: the client is told its id, and what it says then is dropped.
TEST(Session, WhatIsWithdrawnIsToldAndNotWaitedFor) {
  Session session("s", "p", "2025-11-25", "{}");
  net::Loop loop;
  loop.start();
  const auto box = std::make_shared<Outbox>();
  auto kept = start_on(loop, session.ask("roots/list", "{}", *box, {nullptr, 1}, kStart));
  auto taken = start_on(loop, session.ask("roots/list", "{}", *box, {nullptr, 2}, kStart));
  EXPECT_EQ(taken.wait_for(milliseconds(50)), std::future_status::timeout);
  session.withdraw_ask({nullptr, 2}, R"("late")", *box);
  session.withdraw_ask({nullptr, 2}, R"("late")", *box);
  EXPECT_TRUE(taken.get()->result.empty());
  session.answer("2", {R"({"n":2})", {}});
  session.answer("1", {R"({"n":1})", {}});
  EXPECT_EQ(kept.get()->result, R"({"n":1})");
  const auto take = [](std::shared_ptr<Outbox> from,
                       net::Loop& on) -> net::Task<std::vector<Outbox::Item>> {
    Outbox::Reader reader(from, on);
    co_return co_await reader.take(milliseconds(1000));
  };
  const auto items = start_on(loop, take(box, loop)).get();
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[2].text, R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":)"
                           R"({"requestId":2,"reason":"late"}})");
}

TEST(Session, ElicitationsOfTwoServersAreKeptApart) {
  Session session("s", "p", "2025-11-25", "{}");
  EXPECT_EQ(session.begin_elicitation("one", "7"), "7");
  EXPECT_EQ(session.begin_elicitation("one", "7"), "7");
  EXPECT_EQ(session.begin_elicitation("two", "7"), "7~2");
  EXPECT_EQ(session.begin_elicitation("two", "7~2"), "7~2~2");
  EXPECT_EQ(session.end_elicitation("two", "7"), "7~2");
  EXPECT_EQ(session.end_elicitation("two", "7"), std::nullopt);
  EXPECT_EQ(session.end_elicitation("three", "7"), std::nullopt);
  EXPECT_EQ(session.end_elicitation("one", "7"), "7");
  for (size_t i = 0; i <= limits::mcp_elicitations_max; ++i)
    session.begin_elicitation("one", std::to_string(i));
  EXPECT_EQ(session.end_elicitation("one", "0"), std::nullopt);
  EXPECT_EQ(session.end_elicitation("one", "1"), "1");
}

TEST(Session, ClosingCancelsItsCalls) {
  Session session("s", "p", "2025-11-25", "{}");
  int cancelled = 0;
  session.begin_call("1", [&] { cancelled += 1; });
  session.begin_call("2", [&] { cancelled += 10; });
  session.begin_call("3", [&] { cancelled += 100; });
  session.cancel_call("2");
  session.cancel_call("unknown");
  session.end_call("3");
  EXPECT_EQ(cancelled, 10);
  session.close();
  EXPECT_EQ(cancelled, 21);
}

TEST(Session, WhatWasSentIsSentAgainFromWhereTheClientWas) {
  Session session("s", "p", "2025-11-25", "{}");
  const auto log = session.open_log(std::make_shared<Outbox>());
  const auto other = session.open_log(std::make_shared<Outbox>());
  EXPECT_EQ(session.log_event(*log, "a", false), "1-1");
  EXPECT_EQ(session.log_event(*other, "x", false), "2-1");
  EXPECT_EQ(session.log_event(*log, "b", false), "1-2");
  const auto replay = session.replay("1-1");
  ASSERT_TRUE(replay);
  EXPECT_EQ(replay->log, log);
  ASSERT_EQ(replay->events.size(), 1u);
  EXPECT_EQ(replay->events[0].second, "b");
  EXPECT_EQ(session.replay("1-0")->events.size(), 2u);
  for (const char* bad : {"", "1", "-", "9-1", "1-x", "x-1"})
    EXPECT_FALSE(session.replay(bad)) << bad;
}

TEST(Session, TheLogIsBounded) {
  Session session("s", "p", "2025-11-25", "{}");
  const auto old = session.open_log(std::make_shared<Outbox>());
  session.log_event(*old, "first", true);
  const auto log = session.open_log(std::make_shared<Outbox>());
  for (size_t i = 0; i < 2 * limits::mcp_replay_events_max; ++i)
    session.log_event(*log, "e", false);
  EXPECT_EQ(session.replay("2-0")->events.size(), limits::mcp_replay_events_max);
  EXPECT_FALSE(session.replay("1-0"));
  const std::string large(limits::mcp_replay_bytes_max, 'x');
  session.log_event(*log, large, false);
  EXPECT_EQ(session.replay("2-0")->events.size(), 1u);
}

TEST(Outbox, ALaterReaderTakesOver) {
  const auto box = std::make_shared<Outbox>();
  net::Loop first_loop;
  net::Loop second_loop;
  first_loop.start();
  second_loop.start();
  const auto take = [](std::shared_ptr<Outbox> from, net::Loop& loop) -> net::Task<size_t> {
    Outbox::Reader reader(from, loop);
    const auto items = co_await reader.take(milliseconds(5000));
    co_return items.size();
  };
  auto first = start_on(first_loop, take(box, first_loop));
  EXPECT_EQ(first.wait_for(milliseconds(30)), std::future_status::timeout);
  auto second = start_on(second_loop, take(box, second_loop));
  EXPECT_EQ(first.get(), 0u);
  box->put({Outbox::Kind::notice, "n"});
  EXPECT_EQ(second.get(), 1u);
}

// A client that has gone may come back for the rest.
TEST(Outbox, WhatCouldNotBeHandedOnIsThereForTheNext) {
  const auto box = std::make_shared<Outbox>();
  box->put({Outbox::Kind::notice, "1"});
  box->put({Outbox::Kind::notice, "2"});
  net::Loop loop;
  loop.start();
  const auto give_back = [](std::shared_ptr<Outbox> from, net::Loop& on) -> net::Task<size_t> {
    Outbox::Reader reader(from, on);
    auto items = co_await reader.take(milliseconds(1000));
    from->put({Outbox::Kind::final, "3"});
    items.erase(items.begin());
    reader.give_back(std::move(items));
    co_return 0;
  };
  const auto take = [](std::shared_ptr<Outbox> from, net::Loop& on) -> net::Task<std::string> {
    Outbox::Reader reader(from, on);
    std::string all;
    const auto items = co_await reader.take(milliseconds(1000));
    for (const Outbox::Item& item : items)
      all += item.text;
    co_return all;
  };
  start_on(loop, give_back(box, loop)).get();
  EXPECT_EQ(start_on(loop, take(box, loop)).get(), "23");
}

TEST(Outbox, NoticesAreBoundedInNumber) {
  Outbox box;
  for (size_t i = 0; i < 2 * limits::mcp_outbox_items_max; ++i)
    box.put({Outbox::Kind::notice, "n"});
  EXPECT_TRUE(box.is_full());
}

// What waits keeps its arguments in memory.
TEST(Rounds, OneCallerHasItsShareOfTheMemory) {
  Rounds rounds;
  net::Loop loop;
  loop.start();
  const auto add = [](Rounds& in, std::string who, size_t bytes) -> net::Task<Rounds::Replied> {
    auto begin = [&](net::Completion<Rounds::Replied> done) {
      if (!in.add({nullptr, who, "r", bytes, done, later(10)})) done(AskReply{"full", {}});
    };
    co_return co_await net::await_callback<Rounds::Replied>(std::move(begin));
  };
  auto first = start_on(loop, add(rounds, "alice", limits::mcp_waiting_bytes_max));
  ASSERT_TRUE(eventually([&] { return rounds.size() == 1; }));
  EXPECT_EQ(start_on(loop, add(rounds, "alice", 1)).get()->responses, "full");
  auto other = start_on(loop, add(rounds, "bob", 1));
  ASSERT_TRUE(eventually([&] { return rounds.size() == 2; }));
  rounds.close_all();
  EXPECT_EQ(first.get().error().http_status, 503);
  EXPECT_EQ(other.get().error().http_status, 503);
  auto again = start_on(loop, add(rounds, "alice", limits::mcp_waiting_bytes_max));
  ASSERT_TRUE(eventually([&] { return rounds.size() == 1; }));
  rounds.close_all();
  EXPECT_FALSE(again.get());
}

TEST(Session, WatchesAreBoundedInLength) {
  Session session("s", "p", "2025-11-25", "{}");
  EXPECT_TRUE(session.watch(std::string(limits::mcp_uri_bytes_max, 'u')));
  EXPECT_FALSE(session.watch(std::string(limits::mcp_uri_bytes_max + 1, 'u')));
}

TEST(Outbox, NoticesMayBeLostAnswersMayNot) {
  const auto box = std::make_shared<Outbox>();
  const std::string large(limits::mcp_outbox_bytes_max, 'x');
  box->put({Outbox::Kind::notice, large});
  box->put({Outbox::Kind::notice, "lost"});
  box->put({Outbox::Kind::final, "kept"});
  net::Loop loop;
  loop.start();
  const auto take = [](std::shared_ptr<Outbox> from,
                       net::Loop& on) -> net::Task<std::vector<Outbox::Item>> {
    Outbox::Reader reader(from, on);
    co_return co_await reader.take(milliseconds(1000));
  };
  const auto items = start_on(loop, take(box, loop)).get();
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[1].text, "kept");
}

// One handle, one round: for who was asked, and for what was asked.
TEST(Rounds, AHandleIsGoodOnceAndForNobodyElse) {
  Rounds rounds;
  net::Loop loop;
  loop.start();
  std::string handle;
  const auto wait = [](Rounds& in, std::string& named) -> net::Task<Rounds::Replied> {
    auto begin = [&](net::Completion<Rounds::Replied> done) {
      named = *in.add({nullptr, "alice", "tools/call a {}", 1, done, later(10)});
    };
    co_return co_await net::await_callback<Rounds::Replied>(std::move(begin));
  };
  auto waiting = start_on(loop, wait(rounds, handle));
  ASSERT_TRUE(eventually([&] { return rounds.size() == 1; }));
  EXPECT_FALSE(rounds.take(handle, "bob", "tools/call a {}"));
  EXPECT_FALSE(rounds.take(handle, "alice", "tools/call b {}"));
  EXPECT_FALSE(rounds.take(handle + "0", "alice", "tools/call a {}"));
  auto round = rounds.take(handle, "alice", "tools/call a {}");
  ASSERT_TRUE(round);
  EXPECT_FALSE(rounds.take(handle, "alice", "tools/call a {}"));
  round->reply(AskReply{"{}", {}});
  EXPECT_EQ(waiting.get()->responses, "{}");

  auto late = start_on(loop, wait(rounds, handle));
  ASSERT_TRUE(eventually([&] { return rounds.size() == 1; }));
  rounds.expire(later(10));
  EXPECT_EQ(late.get().error().http_status, 504);
}

}  // namespace
}  // namespace satgate::flow::mcp
