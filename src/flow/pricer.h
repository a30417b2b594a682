// Asks somebody outside what a call costs (`dynamic.pricer`), and remembers the answer for a while.
//
//   POST URL  {"endpoint":"/paid/x","route":"paid","method":"GET","tool":"","token":"cursor-dev",
//              "cost":0.01,"in_flight":3}
//   200       {"cost":"$0.02"}, or a number of credits
//
// One a loop, on it only. What it says is bounded by `dynamic.max` (tariff::Terms).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/money.h"
#include "base/time.h"
#include "contract/call.h"
#include "dialect/mcp/raw_json.h"
#include "net/http_client.h"
#include "net/task.h"
#include "tariff/policy.h"

namespace satgate::flow {

// What it is told of a call.
struct PriceQuestion {
  const Call& call;
  std::string_view rule;
  std::string_view token;  // by name, or "anonymous"
  Money cost;              // by the config
  int64_t in_flight = 0;
};

class Pricer {
 public:
  // The pool lives longer.
  explicit Pricer(net::UpstreamPool& pool) : pool_(pool) {}

  // Nothing: it gave no answer that can be read. Asked again after a second.
  net::Task<std::optional<Money>> ask(const tariff::PricerPolicy& policy, PriceQuestion question,
                                      const Currency& currency);

 private:
  struct Kept {
    std::optional<Money> price;
    Time until;
  };
  net::Task<std::optional<std::string>> post(const tariff::PricerPolicy& policy, std::string body);
  std::optional<Money> read(std::string_view answer, const Currency& currency);

  net::UpstreamPool& pool_;
  dialect::mcp::RawJson json_;
  std::map<std::string, Kept, std::less<>> kept_;
};

}  // namespace satgate::flow
