// `satgate mcp`: a bridge from stdin and stdout to the gateway's /mcp, for clients that only start
// commands. Every line is one JSON-RPC message; requests may be under way side by side.
#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <string>

#include "app/runtime/mcp_bridge.h"
#include "app/runtime/runtime.h"
#include "app/runtime/secrets.h"
#include "net/simple_client.h"

namespace satgate::app {
namespace {

constexpr size_t kLineBytesMax = 16 * 1024 * 1024;

// The address of a gateway that runs on this data directory, or nothing.
std::string running_gateway(const std::filesystem::path& data_dir) {
  auto address = read_text_file(data_dir / "gateway.address");
  if (!address) return {};
  while (!address->empty() && address->back() == '\n')
    address->pop_back();
  const auto health =
      net::http_request(*address + "/healthz", "GET", {}, {}, net::Milliseconds(2000));
  return health && health->status == 200 ? *address : std::string();
}

net::Task<> finish(std::shared_ptr<McpBridge> bridge, std::promise<void>& done) {
  co_await McpBridge::finish(std::move(bridge));
  done.set_value();
}

// Until stdin ends, and every answer that was due has come.
int carry_stdin(const std::string& address, const std::string& token) {
  const auto url = wire::parse_url(address + "/mcp");
  if (!url) {
    fmt::print(stderr, "satgate mcp: {} is no address of a gateway\n", address);
    return 1;
  }
  net::Loop loop;
  std::function<void(const std::string&)> print = [](const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
  };
  auto bridge = std::make_shared<McpBridge>(loop, *url, token, std::move(print));
  loop.start("bridge");
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line.empty()) continue;
    if (line.size() > kLineBytesMax) {
      fmt::print(stderr, "satgate mcp: a line of more than {} bytes was dropped\n", kLineBytesMax);
      continue;
    }
    net::spawn(loop, McpBridge::carry(bridge, std::move(line)));
  }
  std::promise<void> done;
  net::spawn(loop, finish(bridge, done));
  done.get_future().wait();
  loop.stop();
  loop.join();
  loop.abandon();
  return 0;
}

}  // namespace

int run_mcp_stdio(const StartOptions& options, const std::string& token) {
  const std::string running = running_gateway(options.data_dir);
  if (!running.empty()) return carry_stdin(running, token);
  StartOptions own = options;
  own.listen = "127.0.0.1:0";
  if (own.admin_listen.empty()) own.admin_listen = "127.0.0.1:0";
  Runtime runtime(own);
  if (auto started = runtime.start(); !started) {
    fmt::print(stderr, "satgate mcp: {}\n", started.error().message);
    return 1;
  }
  const int code = carry_stdin(runtime.address(), token);
  runtime.stop();
  return code;
}

}  // namespace satgate::app
