#include "net/guardian.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace satgate::net {
namespace {

// Everything the forked process needs, prepared before the fork: after it no memory is allocated.
struct Plan {
  std::vector<const char*> paths;  // to try in order
  std::vector<char*> argv;
  std::vector<char*> env;
  const char* cwd = nullptr;
  std::array<int, 3> stdio{-1, -1, -1};  // the child's ends
  int control = -1;                      // the guardian's end
};

struct Pair {
  int ours = -1;
  int theirs = -1;
  void close_all() {
    if (ours >= 0) ::close(ours);
    if (theirs >= 0) ::close(theirs);
    ours = theirs = -1;
  }
};

void on_child_signal(int) {}

void close_from(int first) {
  if (::close_range(static_cast<unsigned>(first), ~0U, 0) == 0) return;
  for (int fd = first; fd < 65536; ++fd)
    ::close(fd);
}

void default_signals() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal)
    ::sigaction(signal, &action, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Returns only on failure, with the errno that says most.
int execute(const Plan& plan) {
  int why = ENOENT;
  for (const char* path : plan.paths) {
    ::execve(path, plan.argv.data(), plan.env.data());
    const bool is_not_here = errno == ENOENT || errno == ENOTDIR;
    if (!is_not_here) why = errno;
    if (!is_not_here && errno != EACCES) break;
  }
  return why;
}

[[noreturn]] void run_child(const Plan& plan, int status_pipe) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // of the guardian
  default_signals();
  for (int i = 0; i < 3; ++i)
    ::dup2(plan.stdio[static_cast<size_t>(i)], i);
  ::dup2(status_pipe, 3);
  ::fcntl(3, F_SETFD, FD_CLOEXEC);
  close_from(4);
  int why = plan.cwd != nullptr && ::chdir(plan.cwd) != 0 ? errno : 0;
  if (why == 0) why = execute(plan);
  const ssize_t written = ::write(3, &why, sizeof why);
  ::_exit(written == sizeof why ? 127 : 126);
}

void report(int control, const GuardianReport& what) {
  const ssize_t sent = ::send(control, &what, sizeof what, MSG_NOSIGNAL);
  static_cast<void>(sent);  // nobody listens any more: nothing else to tell it to
}

// Waits for orders and for the child, then takes the group down.
[[noreturn]] void guard(pid_t child, int control, const sigset_t& waiting_mask) {
  GuardianReport last;
  bool has_parent = true;
  for (;;) {
    if (::waitpid(child, &last.wait_status, WNOHANG) == child) break;
    pollfd watched{has_parent ? control : -1, POLLIN, 0};
    if (::ppoll(&watched, 1, nullptr, &waiting_mask) <= 0) continue;
    char order = 0;
    const ssize_t n = ::recv(control, &order, 1, MSG_DONTWAIT);
    if (n == 1) {
      ::kill(-child, order == 'T' ? SIGTERM : SIGKILL);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
      has_parent = false;
      ::kill(-child, SIGKILL);
    }
  }
  ::kill(-child, SIGKILL);  // what the child has left behind
  report(control, last);
  ::_exit(0);
}

[[noreturn]] void run_guardian(const Plan& plan, int control) {
  ::setpgid(0, 0);  // a Ctrl-C at the terminal is for the gateway, which then shuts us down
  ::prctl(PR_SET_NAME, "sg-guardian");
  struct sigaction action{};
  action.sa_handler = SIG_IGN;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2, SIGQUIT}) {
    ::sigaction(signal, &action, nullptr);
  }
  action.sa_handler = on_child_signal;
  ::sigaction(SIGCHLD, &action, nullptr);
  sigset_t blocked;
  sigset_t waiting;
  ::sigemptyset(&waiting);
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGCHLD);
  ::sigprocmask(SIG_SETMASK, &blocked, nullptr);

  std::array<int, 2> status{};
  GuardianReport first;
  first.started_errno = EMFILE;
  if (::pipe2(status.data(), O_CLOEXEC) != 0) {
    report(control, first);
    ::_exit(1);
  }
  const pid_t child = ::_Fork();
  if (child == 0) run_child(plan, status[1]);
  // Only the control socket and the status pipe stay open here.
  ::dup2(control, 0);
  ::dup2(status[0], 1);
  close_from(2);
  first.started_errno = child < 0 ? EAGAIN : 0;
  int why = 0;
  ssize_t n = 0;
  do {
    n = child < 0 ? 0 : ::read(1, &why, sizeof why);
  } while (n < 0 && errno == EINTR);
  if (n == sizeof why) first.started_errno = why;
  ::close(1);
  report(0, first);
  if (first.started_errno != 0) ::_exit(1);
  ::setpgid(child, child);
  guard(child, 0, waiting);
}

Result<void> open_pipe(Pair& pair, bool ours_writes) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(std::string("cannot create a pipe: ") + std::strerror(errno));
  }
  pair.ours = ends[ours_writes ? 1 : 0];
  pair.theirs = ends[ours_writes ? 0 : 1];
  return {};
}

Result<void> open_all(std::array<Pair, 4>& pairs) {
  TRY(open_pipe(pairs[0], true));
  TRY(open_pipe(pairs[1], false));
  TRY(open_pipe(pairs[2], false));
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(std::string("cannot create a socket pair: ") + std::strerror(errno));
  }
  pairs[3] = {ends[0], ends[1]};
  // 0 to 3 are where the child's own descriptors go: ours must not be there.
  for (Pair& pair : pairs) {
    const int moved = ::fcntl(pair.theirs, F_DUPFD_CLOEXEC, 10);
    if (moved < 0) return fail(std::string("cannot copy a descriptor: ") + std::strerror(errno));
    ::close(std::exchange(pair.theirs, moved));
  }
  return {};
}

std::vector<std::string> candidates(const std::string& command,
                                    const std::vector<std::string>& env) {
  if (command.find('/') != std::string::npos) return {command};
  std::vector<std::string> found;
  for (const std::string& entry : env) {
    if (!entry.starts_with("PATH=")) continue;
    for (const std::string_view part : split(std::string_view(entry).substr(5), ':')) {
      if (!part.empty()) found.push_back(std::string(part) + "/" + command);
    }
  }
  return found;
}

template <class Texts>
std::vector<char*> c_array(const Texts& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts)
    pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Result<GuardedProcess> start_guarded(const std::vector<std::string>& argv,
                                     const std::vector<std::string>& env, const std::string& cwd) {
  if (argv.empty() || argv[0].empty()) return fail("cannot start a process: no command");
  std::array<Pair, 4> pairs;
  const Result<void> opened = open_all(pairs);
  if (!opened) {
    for (Pair& pair : pairs)
      pair.close_all();
    return std::unexpected(opened.error());
  }
  const std::vector<std::string> paths = candidates(argv[0], env);
  Plan plan;
  for (const std::string& path : paths)
    plan.paths.push_back(path.c_str());
  plan.argv = c_array(argv);
  plan.env = c_array(env);
  plan.cwd = cwd.empty() ? nullptr : cwd.c_str();
  plan.stdio = {pairs[0].theirs, pairs[1].theirs, pairs[2].theirs};
  plan.control = pairs[3].theirs;

  const pid_t guardian = ::_Fork();
  if (guardian == 0) run_guardian(plan, plan.control);
  for (Pair& pair : pairs)
    ::close(std::exchange(pair.theirs, -1));
  GuardianReport first;
  first.started_errno = guardian < 0 ? errno : ECHILD;
  ssize_t n = 0;
  do {
    n = guardian < 0 ? 0 : ::recv(pairs[3].ours, &first, sizeof first, MSG_WAITALL);
  } while (n < 0 && errno == EINTR);
  if (paths.empty()) first.started_errno = ENOENT;
  if (n != sizeof first || first.started_errno != 0) {
    for (Pair& pair : pairs)
      pair.close_all();
    if (guardian > 0) ::waitpid(guardian, nullptr, 0);
    return fail("cannot start " + argv[0] + ": " + std::strerror(first.started_errno));
  }
  return GuardedProcess{guardian, pairs[3].ours, pairs[0].ours, pairs[1].ours, pairs[2].ours};
}

}  // namespace satgate::net
