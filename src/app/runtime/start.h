// Running the gateway in the foreground.
#pragma once

#include <filesystem>
#include <string>

#include "app/config/config.h"

namespace satgate::app {

struct StartOptions {
  std::filesystem::path data_dir;
  std::string config_file;  // empty: none, `proxy` says what to do
  ProxyOptions proxy;
  std::string listen, admin_listen, mode;  // override the config when not empty
};

// Runs the gateway until SIGTERM or SIGINT; returns the process exit code. SIGHUP reads the config
// again, and so does a change of its files under `reload.watch`; one with mistakes changes nothing.
int run_gateway(const StartOptions& options);

// The same gateway as a stdio MCP server (`satgate mcp`): one JSON-RPC message a line on stdin and
// stdout, everything else on stderr. Joins a gateway that runs on the data directory already.
int run_mcp_stdio(const StartOptions& options, const std::string& token);

}  // namespace satgate::app
