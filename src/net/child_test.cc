#include "net/child.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>

#include "base/text.h"
#include "net/test_support.h"

namespace satgate::net {
namespace {

using testing::run_to_end;

ChildOptions shell(std::string script) {
  ChildOptions options;
  options.command = "sh";
  options.args = {"-c", std::move(script)};
  options.term_after = Milliseconds{100};
  options.kill_after = Milliseconds{100};
  return options;
}

int number(std::string_view text) {
  return static_cast<int>(parse_uint(text).value_or(0));
}

bool is_alive(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t name_end = text.rfind(')');
  return name_end != std::string::npos && text.size() > name_end + 2 && text[name_end + 2] != 'Z';
}

bool dies_within(int pid, int ms) {
  for (int waited = 0; waited < ms; waited += 10) {
    if (!is_alive(pid)) return true;
    std::this_thread::sleep_for(Milliseconds{10});
  }
  return !is_alive(pid);
}

// Lines to write, lines that came back, and how it ended.
struct Talk {
  std::vector<std::string> say;
  size_t expect = 0;
  std::vector<std::string> heard;
  std::string error;
  bool ended = false;
  ExitStatus status;
};

Task<> say_all(Child& child, Talk& talk) {
  for (const std::string& line : talk.say) {
    const auto written = co_await child.write_line(line);
    if (!written) talk.error = written.error().message;
  }
}

Task<> talk(Loop& loop, Child& child, Talk& talk) {
  spawn(loop, say_all(child, talk));
  while (talk.heard.size() < talk.expect) {
    auto line = co_await child.read_line();
    if (!line) talk.error = line.error().message;
    if (!line || !*line) {
      talk.ended = true;
      break;
    }
    talk.heard.push_back(**line);
  }
  talk.status = co_await child.shutdown();
}

TEST(Child, EchoesLinesAndEndsWithItsStdin) {
  Loop loop;
  ChildOptions options;
  options.command = "cat";
  auto child = Child::spawn(loop, options);
  ASSERT_TRUE(child.has_value()) << child.error().message;
  Talk t;
  t.say = {"one", "", std::string(300'000, 'x')};
  t.expect = 3;
  ASSERT_TRUE(run_to_end(loop, talk(loop, **child, t)));
  EXPECT_TRUE(t.heard == t.say);
  EXPECT_EQ(t.error, "");
  EXPECT_EQ(t.status.signal, 0) << "closing stdin was enough";
  EXPECT_EQ(t.status.code, 0);
}

TEST(Child, EnvironmentDirectoryExitCodeAndStderr) {
  ::setenv("SATGATE_TEST_SECRET", "leak", 1);
  Loop loop;
  testing::TemporaryDirectory directory;
  ChildOptions options = shell(
      "echo \"$GIVEN:$SATGATE_TEST_SECRET\"; pwd; echo \"warn\" >&2; ls /proc/self/fd | wc -l; "
      "exit 7");
  options.env = {{"GIVEN", "value"}};
  options.cwd = directory.file("");
  std::vector<std::string> warnings;
  auto child =
      Child::spawn(loop, options, [&](std::string_view line) { warnings.emplace_back(line); });
  ASSERT_TRUE(child.has_value()) << child.error().message;
  Talk t;
  t.expect = 9;
  ASSERT_TRUE(run_to_end(loop, talk(loop, **child, t)));
  ASSERT_EQ(t.heard.size(), 3U);
  EXPECT_EQ(t.heard[0], "value:") << "the gateway's environment stays here";
  EXPECT_EQ(t.heard[1] + "/", options.cwd);
  EXPECT_EQ(t.heard[2], "4") << "0, 1, 2 and the directory being listed";
  EXPECT_TRUE(t.ended);
  EXPECT_EQ(t.status.code, 7);
  run_to_end(loop, sleep(loop, Milliseconds{20}));
  EXPECT_EQ(warnings, std::vector<std::string>{"warn"});
}

TEST(Child, WhatCannotStartIsNamed) {
  Loop loop;
  ChildOptions options;
  options.command = "satgate-no-such-command";
  const auto missing = Child::spawn(loop, options);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().message,
            "cannot start satgate-no-such-command: No such file or directory");
  options.command = "/etc/passwd";
  EXPECT_FALSE(Child::spawn(loop, options).has_value());
  options.command = "cat";
  options.cwd = "/satgate-no-such-directory";
  EXPECT_FALSE(Child::spawn(loop, options).has_value());
}

TEST(Child, LinesAreBounded) {
  Loop loop;
  ChildOptions options = shell("head -c 5000 /dev/zero | tr '\\0' x; sleep 5");
  options.line_bytes_max = 1000;
  auto child = Child::spawn(loop, options);
  ASSERT_TRUE(child.has_value());
  Talk t;
  t.expect = 1;
  ASSERT_TRUE(run_to_end(loop, talk(loop, **child, t)));
  EXPECT_EQ(t.error, "a line of the process is longer than 1000 bytes");
}

TEST(Child, ShutdownKillsTheWholeStubbornGroup) {
  Loop loop;
  auto child = Child::spawn(loop, shell("trap '' TERM; (trap '' TERM; sleep 60) & echo $!; "
                                        "echo $$; while :; do sleep 1; done"));
  ASSERT_TRUE(child.has_value());
  Talk t;
  t.expect = 2;
  ASSERT_TRUE(run_to_end(loop, talk(loop, **child, t)));
  ASSERT_EQ(t.heard.size(), 2U);
  EXPECT_EQ(t.status.signal, SIGKILL);
  EXPECT_TRUE(dies_within(number(t.heard[0]), 500)) << "the grandchild";
  EXPECT_TRUE(dies_within(number(t.heard[1]), 500));
}

TEST(Child, GrandchildrenDieWithAChildThatEndsByItself) {
  Loop loop;
  auto child = Child::spawn(loop, shell("sleep 60 </dev/null >/dev/null 2>&1 & echo $!"));
  ASSERT_TRUE(child.has_value());
  Talk t;
  t.expect = 1;
  ASSERT_TRUE(run_to_end(loop, talk(loop, **child, t)));
  EXPECT_EQ(t.status.code, 0);
  ASSERT_EQ(t.heard.size(), 1U);
  EXPECT_TRUE(dies_within(number(t.heard[0]), 500));
}

TEST(Child, NoOrphanSurvivesKillMinusNine) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t gateway = ::fork();
  if (gateway == 0) {
    Loop loop;
    auto child = Child::spawn(loop, shell("sleep 60 & echo $!; echo $$; wait"));
    Talk t;
    t.expect = 2;
    auto read_two = [](Child& c, Talk& into) -> Task<> {
      for (int i = 0; i < 2; ++i) {
        auto line = co_await c.read_line();
        if (line && *line) into.heard.push_back(**line);
      }
    };
    run_to_end(loop, read_two(**child, t));
    const std::string both = t.heard[0] + " " + t.heard[1] + "\n";
    const ssize_t n = ::write(ends[1], both.data(), both.size());
    static_cast<void>(n);
    ::pause();
    ::_exit(0);
  }
  char text[64] = {};
  ASSERT_GT(::read(ends[0], text, sizeof text - 1), 0);
  int grandchild = 0;
  int child = 0;
  ASSERT_EQ(std::sscanf(text, "%d %d", &grandchild, &child), 2);
  ASSERT_TRUE(is_alive(child));
  ASSERT_TRUE(is_alive(grandchild));
  ::kill(gateway, SIGKILL);
  ::waitpid(gateway, nullptr, 0);
  EXPECT_TRUE(dies_within(child, 1000));
  EXPECT_TRUE(dies_within(grandchild, 1000));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Child, DestroyedWithoutShutdownIsKilled) {
  Loop loop;
  int pid = 0;
  {
    auto child = Child::spawn(loop, shell("echo $$; sleep 60"));
    ASSERT_TRUE(child.has_value());
    auto read_pid = [](Child& c, int& into) -> Task<> {
      auto line = co_await c.read_line();
      if (line && *line) into = number(**line);
    };
    ASSERT_TRUE(run_to_end(loop, read_pid(**child, pid)));
  }
  EXPECT_TRUE(dies_within(pid, 500));
}

}  // namespace
}  // namespace satgate::net
