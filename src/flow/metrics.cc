#include "flow/metrics.h"

#include <fmt/format.h>

#include <iterator>

#include "base/money.h"

namespace satgate::flow {
namespace {

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

void single(std::string& out, std::string_view name, std::string_view type, std::string_view help,
            int64_t value) {
  head(out, name, type, help);
  fmt::format_to(std::back_inserter(out), "{} {}\n", name, value);
}

}  // namespace

std::string print_prometheus(const Metrics& m) {
  std::string out;
  auto to = std::back_inserter(out);
  const auto value = [](const auto& cell) { return static_cast<int64_t>(cell.load()); };
  single(out, "satgate_http_requests_total", "counter", "Requests on the data plane.",
         value(m.requests));
  head(out, "satgate_decisions_total", "counter", "Governed calls by decision.");
  for (const Decision d : {Decision::allow, Decision::deny, Decision::would_deny}) {
    fmt::format_to(to, "satgate_decisions_total{{decision=\"{}\"}} {}\n", to_string(d),
                   value(m.decisions[static_cast<size_t>(d)]));
  }
  head(out, "satgate_refusals_total", "counter", "Refused calls by code.");
  for (const Refusal r : kAllRefusals) {
    fmt::format_to(to, "satgate_refusals_total{{code=\"{}\"}} {}\n", code(r),
                   value(m.refusals[static_cast<size_t>(r)]));
  }
  head(out, "satgate_faults_total", "counter", "Calls that broke, by who is to blame.");
  fmt::format_to(to, "satgate_faults_total{{source=\"client\"}} {}\n", value(m.faults_client));
  fmt::format_to(to, "satgate_faults_total{{source=\"upstream\"}} {}\n", value(m.faults_upstream));
  fmt::format_to(to, "satgate_faults_total{{source=\"gateway\"}} {}\n", value(m.faults_gateway));
  single(out, "satgate_overruns_total", "counter",
         "Calls whose upstream reported more than was reserved.", value(m.overruns));
  single(out, "satgate_usage_missing_total", "counter",
         "Calls charged conservatively because the upstream did not say.", value(m.usage_missing));
  single(out, "satgate_loop_alerts_total", "counter",
         "Calls that passed although they were one of a loop (loopGuard, action alert).",
         value(m.loop_alerts));
  single(out, "satgate_mcp_asks_total", "counter",
         "What MCP servers asked clients during calls: sampling, elicitation, roots.",
         value(m.mcp_asks));
  head(out, "satgate_spent_credits_total", "counter", "Credits spent by allowed calls.");
  fmt::format_to(to, "satgate_spent_credits_total {}\n",
                 format_credits(Money::nano(value(m.spent_nano))));
  single(out, "satgate_calls_in_flight", "gauge", "Governed calls being forwarded.",
         value(m.in_flight));
  return out;
}

}  // namespace satgate::flow
