// `satgate mcp`: a bridge from stdin and stdout to the gateway's /mcp, for clients that only start
// commands. Every line is one JSON-RPC message; requests may be under way side by side.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/runtime/runtime.h"
#include "app/runtime/secrets.h"
#include "net/simple_client.h"

namespace satgate::app {
namespace {

constexpr size_t kLinesMax = 16;  // under way at once; further ones wait
constexpr size_t kLineBytesMax = 16 * 1024 * 1024;

// Carries lines to one gateway.
class Bridge {
 public:
  Bridge(std::string url, const std::string& token) : url_(std::move(url)) {
    headers_ = {{"content-type", "application/json"},
                {"accept", "application/json, text/event-stream"}};
    if (!token.empty()) headers_.emplace_back("authorization", "Bearer " + token);
  }
  ~Bridge() {
    for (std::thread& thread : threads_)
      thread.join();
  }
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  void carry(std::string line) {
    if (threads_.size() == kLinesMax) {
      for (std::thread& thread : threads_)
        thread.join();
      threads_.clear();
    }
    threads_.emplace_back([this, text = std::move(line)] { carry_now(text); });
  }

 private:
  void carry_now(const std::string& line) {
    constexpr net::Milliseconds patience{limits::upstream_seconds_max * 1000};
    const auto answer = net::http_request(url_, "POST", headers_, line, patience);
    if (!answer) {
      fmt::print(stderr, "satgate mcp: {}\n", answer.error().message);
      return;
    }
    if (answer->status >= 400 && !answer->body.starts_with("{\"jsonrpc\"")) {
      fmt::print(stderr, "satgate mcp: HTTP {}: {}\n", answer->status, answer->body);
      return;
    }
    if (answer->body.empty()) return;
    const std::lock_guard lock(out_);
    fmt::print("{}\n", answer->body);
    std::fflush(stdout);
  }

  std::string url_;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::vector<std::thread> threads_;
  std::mutex out_;
};

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

void carry_stdin(Bridge& bridge) {
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line.empty()) continue;
    if (line.size() > kLineBytesMax) {
      fmt::print(stderr, "satgate mcp: a line of more than {} bytes was dropped\n", kLineBytesMax);
      continue;
    }
    bridge.carry(std::move(line));
  }
}

}  // namespace

int run_mcp_stdio(const StartOptions& options, const std::string& token) {
  const std::string running = running_gateway(options.data_dir);
  if (!running.empty()) {
    Bridge bridge(running + "/mcp", token);
    carry_stdin(bridge);
    return 0;
  }
  StartOptions own = options;
  own.listen = "127.0.0.1:0";
  if (own.admin_listen.empty()) own.admin_listen = "127.0.0.1:0";
  Runtime runtime(own);
  if (auto started = runtime.start(); !started) {
    fmt::print(stderr, "satgate mcp: {}\n", started.error().message);
    return 1;
  }
  {
    Bridge bridge(runtime.address() + "/mcp", token);
    carry_stdin(bridge);
  }
  runtime.stop();
  return 0;
}

}  // namespace satgate::app
