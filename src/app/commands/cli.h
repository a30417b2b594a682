// The command line of SatGate (CONTRACT.md, "One binary"): what `satgate ...` does from its
// arguments to its exit code.
#pragma once

namespace satgate::app {

// 0: done; 1: refused or failed; 2: wrong use. Errors are sentences on stderr.
int run_command_line(int argc, const char* const* argv);

}  // namespace satgate::app
