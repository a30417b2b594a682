// Starts a child process with a guardian between it and us. Internal to net.
//
// The guardian is a fork of this process that only makes async-signal-safe calls. It
// - puts the child into a process group of its own and executes it,
// - obeys one-byte orders from the control socket: 'T' sends SIGTERM to the group, 'K' SIGKILL,
// - kills the group when the control socket closes (we have died) or when the child has ended,
// - then reports a GuardianReport through the socket and exits.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace satgate::net {

struct GuardianReport {
  int started_errno = 0;  // the first report: 0, or why the command could not be executed
  int wait_status = 0;    // the last report: as from waitpid()
};

struct GuardedProcess {
  pid_t guardian = -1;
  int control = -1;  // all descriptors are ours and close-on-exec
  int in = -1;       // write end of stdin
  int out = -1;
  int err = -1;
};

// `argv[0]` is looked up in PATH of `env` unless it has a slash. Blocks until the command has been
// executed or not, a few milliseconds.
Result<GuardedProcess> start_guarded(const std::vector<std::string>& argv,
                                     const std::vector<std::string>& env, const std::string& cwd);

}  // namespace satgate::net
