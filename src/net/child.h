// A supervised child process that speaks in lines over stdin and stdout, such as a local MCP
// server. It leads its own process group and inherits stdin, stdout, stderr and nothing else.
// Used from its loop only. Whether to start it again is the caller's decision.
//
// No orphan survives this process, not even after SIGKILL: between us and the child stands a small
// guardian process, which kills the child's whole group (npx, its shell and the real server) as
// soon as the socket to us closes or the child ends. PR_SET_PDEATHSIG alone would reach the child
// but not its children.
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/loop.h"
#include "net/task.h"

namespace satgate::net {

struct ChildOptions {
  std::string command;  // looked up in PATH if it has no slash
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;  // added to a small set: PATH, HOME, ...
  bool inherit_env = false;                              // the gateway's whole environment
  std::string cwd;                                       // empty: the gateway's
  size_t line_bytes_max = 16 * 1024 * 1024;              // of stdout
  size_t stderr_line_bytes_max = 8 * 1024;               // longer lines are cut there
  Milliseconds term_after{2000};                         // stdin closed -> SIGTERM
  Milliseconds kill_after{2000};                         // SIGTERM -> SIGKILL
};

struct ExitStatus {
  int code = 0;    // exit code, if signal is 0
  int signal = 0;  // the signal that ended it
};

class Child {
 public:
  // Runs on the loop. Lines of stderr come without their end, on the loop; null drops them.
  using OnStderr = std::function<void(std::string_view line)>;

  // Fails when the command cannot be executed ("cannot start npx: No such file or directory").
  static Result<std::unique_ptr<Child>> spawn(Loop& loop, ChildOptions options,
                                              OnStderr on_stderr = nullptr);
  ~Child();  // kills the group at once if shutdown() has not been awaited
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // One line, the newline is added; a line with a newline inside is refused. Writers wait in turn.
  Task<Result<void>> write_line(std::string line);

  // The next line without its end (LF or CRLF), for one reader. Nothing: stdout has ended. Error: a
  // line is too long, or the pipe failed; the child is of no use after that.
  Task<Result<std::optional<std::string>>> read_line();

  // stdin closed, then SIGTERM to the group, then SIGKILL; returns when the child has been reaped.
  Task<ExitStatus> shutdown();
  // Returns when the child has ended by itself or by shutdown(). Any number of waiters.
  Task<ExitStatus> wait();

  std::optional<ExitStatus> exit_status() const;

 private:
  struct State;
  explicit Child(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace satgate::net
