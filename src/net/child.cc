#include "net/child.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "net/buffer.h"
#include "net/guardian.h"
#include "net/pipe.h"

namespace satgate::net {

namespace {

constexpr size_t kReadBytes = 16 * 1024;
constexpr Milliseconds kForever{24 * 3600 * 1000};

// What a program needs to find itself; everything else may hold a secret of the gateway.
constexpr const char* kInherited[] = {"PATH",   "HOME", "USER",          "LOGNAME",
                                      "SHELL",  "TERM", "TMPDIR",        "LANG",
                                      "LC_ALL", "TZ",   "SSL_CERT_FILE", "SSL_CERT_DIR"};

std::vector<std::string> environment(const ChildOptions& options) {
  std::vector<std::string> env;
  const auto is_own = [&options](std::string_view entry) {
    const std::string_view name = entry.substr(0, entry.find('='));
    return std::any_of(options.env.begin(), options.env.end(),
                       [name](const auto& pair) { return pair.first == name; });
  };
  if (options.inherit_env) {
    for (char** entry = environ; *entry != nullptr; ++entry) {
      if (!is_own(*entry)) env.emplace_back(*entry);
    }
  } else {
    for (const char* name : kInherited) {
      const char* value = std::getenv(name);
      if (value != nullptr && !is_own(name)) env.push_back(std::string(name) + "=" + value);
    }
  }
  for (const auto& [name, value] : options.env)
    env.push_back(name + "=" + value);
  return env;
}

}  // namespace

struct Child::State {
  State(Loop& l, ChildOptions o, OnStderr callback, const GuardedProcess& process)
      : loop(l),
        options(std::move(o)),
        on_stderr(std::move(callback)),
        in(l, process.in),
        out(l, process.out),
        err(l, process.err),
        control(l, process.control),
        guardian(process.guardian) {}
  ~State() {
    // The guardian kills the group when the control socket closes.
    control.close();
    if (!exited) ::waitpid(guardian, nullptr, WNOHANG);
  }

  void order(char what) {
    // The socket is empty but for these bytes, so this never waits.
    const ssize_t sent = ::send(control.fd(), &what, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    static_cast<void>(sent);  // a guardian that is gone has killed the group
  }
  void close_in() { in.close(); }
  void has_exited(ExitStatus status);
  Task<bool> lock_writer();
  void unlock_writer();
  static Task<> watch(std::shared_ptr<State> self);
  static Task<> read_stderr(std::shared_ptr<State> self);
  Task<bool> wait_exit(Milliseconds at_most);

  Loop& loop;
  ChildOptions options;
  OnStderr on_stderr;
  Pipe in;
  Pipe out;
  Pipe err;
  Pipe control;
  pid_t guardian;
  Buffer lines;
  size_t scanned = 0;                          // bytes of `lines` known to hold no newline
  std::deque<std::shared_ptr<Event>> writers;  // the first one writes, the others wait in turn
  std::vector<std::shared_ptr<Event>> waiters;
  std::optional<ExitStatus> exited;
};

void Child::State::has_exited(ExitStatus status) {
  exited = status;
  for (const auto& waiter : std::exchange(waiters, {}))
    waiter->notify();
}

// Waits for the guardian's last report, whatever way the child has ended.
Task<> Child::State::watch(std::shared_ptr<State> self) {
  GuardianReport last;
  last.wait_status = SIGKILL;  // if the guardian itself was killed, the kernel has killed the child
  const std::span<char> bytes(reinterpret_cast<char*>(&last), sizeof last);
  const PipeResult<size_t> got = co_await self->control.read_some(bytes);
  if (!got || *got != sizeof last) last.wait_status = SIGKILL;
  ::waitpid(self->guardian, nullptr, 0);  // it exits right behind its report
  ExitStatus status;
  if (WIFSIGNALED(last.wait_status)) status.signal = WTERMSIG(last.wait_status);
  if (WIFEXITED(last.wait_status)) status.code = WEXITSTATUS(last.wait_status);
  self->close_in();
  self->has_exited(status);
}

Task<> Child::State::read_stderr(std::shared_ptr<State> self) {
  Buffer buffer(kReadBytes);
  bool is_rest = false;  // of a line that was too long and has been told already
  for (;;) {
    if (buffer.space().empty()) {
      buffer.compact();
      if (buffer.space().empty()) buffer.reserve(buffer.capacity() * 2);
    }
    const PipeResult<size_t> n = co_await self->err.read_some(buffer.space());
    if (!n || *n == 0) break;
    buffer.commit(*n);
    for (;;) {
      const std::string_view view = buffer.view();
      const size_t newline = view.find('\n');
      const bool is_long =
          newline == std::string_view::npos && view.size() >= self->options.stderr_line_bytes_max;
      if (newline == std::string_view::npos && !is_long) break;
      std::string_view line = view.substr(0, newline);
      if (line.ends_with('\r')) line.remove_suffix(1);
      line = line.substr(0, self->options.stderr_line_bytes_max);
      if (!is_rest && self->on_stderr) self->on_stderr(line);
      is_rest = is_long;
      buffer.consume(is_long ? view.size() : newline + 1);
    }
  }
  if (!buffer.empty() && !is_rest && self->on_stderr) self->on_stderr(buffer.view());
}

Task<bool> Child::State::lock_writer() {
  auto turn = std::make_shared<Event>(loop);
  writers.push_back(turn);
  if (writers.front() != turn) co_await turn->wait(kForever);
  co_return in.is_open();
}

void Child::State::unlock_writer() {
  writers.pop_front();
  if (!writers.empty()) writers.front()->notify();
}

Task<bool> Child::State::wait_exit(Milliseconds at_most) {
  if (!exited) {
    auto waiter = std::make_shared<Event>(loop);
    waiters.push_back(waiter);
    co_await waiter->wait(at_most);
    std::erase(waiters, waiter);
  }
  co_return exited.has_value();
}

Result<std::unique_ptr<Child>> Child::spawn(Loop& loop, ChildOptions options, OnStderr on_stderr) {
  // A child that has ended must not end the gateway with it. Process-wide, and wanted as such.
  ::signal(SIGPIPE, SIG_IGN);
  std::vector<std::string> argv = {options.command};
  argv.insert(argv.end(), options.args.begin(), options.args.end());
  TRY_ASSIGN(const GuardedProcess process, start_guarded(argv, environment(options), options.cwd));
  auto state = std::make_shared<State>(loop, std::move(options), std::move(on_stderr), process);
  net::spawn(loop, State::watch(state));
  net::spawn(loop, State::read_stderr(state));
  return std::unique_ptr<Child>(new Child(std::move(state)));
}

Child::~Child() {
  if (!state_->exited) state_->order('K');
  state_->close_in();
  state_->out.close();
  state_->err.close();
  state_->on_stderr = nullptr;
}

Task<Result<void>> Child::write_line(std::string line) {
  const std::shared_ptr<State> state = state_;
  if (line.find('\n') != std::string::npos) co_return fail("a line must not contain a newline");
  line.push_back('\n');
  const bool is_open = co_await state->lock_writer();
  int error = EPIPE;
  if (is_open) {
    const PipeResult<> written = co_await state->in.write_all(line);
    error = written ? 0 : written.error();
  }
  state->unlock_writer();
  if (error != 0) {
    co_return fail("the process does not read any more: " + std::string(std::strerror(error)));
  }
  co_return Result<void>{};
}

Task<Result<std::optional<std::string>>> Child::read_line() {
  const std::shared_ptr<State> state = state_;
  Buffer& lines = state->lines;
  for (;;) {
    const std::string_view view = lines.view();
    const size_t newline = view.find('\n', state->scanned);
    if (newline != std::string_view::npos) {
      std::string_view line = view.substr(0, newline);
      if (line.ends_with('\r')) line.remove_suffix(1);
      std::optional<std::string> found(line);
      lines.consume(newline + 1);
      state->scanned = 0;
      co_return Result<std::optional<std::string>>(std::move(found));
    }
    state->scanned = view.size();
    if (view.size() > state->options.line_bytes_max) {
      co_return fail("a line of the process is longer than " +
                     std::to_string(state->options.line_bytes_max) + " bytes");
    }
    lines.compact();
    if (lines.empty()) lines.shrink(4 * kReadBytes);
    if (lines.space().empty()) lines.reserve(std::max(kReadBytes, lines.capacity() * 2));
    const PipeResult<size_t> n = co_await state->out.read_some(lines.space());
    if (!n) {
      co_return fail("cannot read from the process: " + std::string(std::strerror(n.error())));
    }
    if (*n == 0) co_return std::optional<std::string>();
    lines.commit(*n);
  }
}

Task<ExitStatus> Child::shutdown() {
  const std::shared_ptr<State> state = state_;
  state->close_in();
  if (!co_await state->wait_exit(state->options.term_after)) {
    state->order('T');
    if (!co_await state->wait_exit(state->options.kill_after)) state->order('K');
  }
  co_return co_await wait();
}

Task<ExitStatus> Child::wait() {
  const std::shared_ptr<State> state = state_;
  while (!co_await state->wait_exit(kForever)) {
  }
  co_return *state->exited;
}

std::optional<ExitStatus> Child::exit_status() const {
  return state_->exited;
}

}  // namespace satgate::net
