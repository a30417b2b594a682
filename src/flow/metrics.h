// Counters of the process, for /metrics. Relaxed atomics: each is exact, together they are a blur.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "contract/audit_event.h"
#include "contract/refusal.h"

namespace satgate::flow {

struct Metrics {
  std::atomic<uint64_t> requests{0};                 // HTTP requests on the data plane
  std::array<std::atomic<uint64_t>, 3> decisions{};  // by Decision
  std::array<std::atomic<uint64_t>, kAllRefusals.size() + 1> refusals{};  // by Refusal
  std::atomic<uint64_t> faults_client{0};
  std::atomic<uint64_t> faults_upstream{0};
  std::atomic<uint64_t> faults_gateway{0};
  std::atomic<uint64_t> overruns{0};
  std::atomic<uint64_t> usage_missing{0};
  std::atomic<uint64_t> loop_alerts{0};  // calls that passed with a mark
  std::atomic<uint64_t> mcp_asks{0};     // of MCP servers during calls
  std::atomic<int64_t> spent_nano{0};
  std::atomic<int64_t> in_flight{0};

  void count(Decision decision) { ++decisions[static_cast<size_t>(decision)]; }
  void count(Refusal refusal) { ++refusals[static_cast<size_t>(refusal)]; }
};

// Prometheus text format, version 0.0.4.
std::string print_prometheus(const Metrics& metrics);

}  // namespace satgate::flow
