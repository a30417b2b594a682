// Terms: what the price of a call depends on besides the call. How many its caller has made so far
// (volume), when it is made, how busy the gateway is, and how urgent the caller says it is
// (dynamic). See docs/charge.md, "Prices that change".
//
// Every price has a bound that is known before: most().
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/money.h"
#include "base/time.h"
#include "base/time_zone.h"
#include "contract/spend_limits.h"
#include "tariff/argument_rules.h"
#include "tariff/policy.h"

namespace satgate::tariff {

// What a call is made under.
struct Circumstances {
  int64_t calls = 0;      // that count for its tier, before this one
  bool has_paid = false;  // by a paid token: calls that are free are for others
  Time at;
  int64_t in_flight = 0;       // calls, at this gateway
  std::string_view urgency;    // as the header says that `dynamic.priority` names
  std::optional<Money> asked;  // what a pricer said, in place of `cost`
};

class Terms {
 public:
  // A mistake names the key: "volume.tiers". `rule` is as records name it.
  static std::expected<Terms, ArgumentMistake> create(std::string_view rule, Money cost,
                                                      const TermsPolicy& policy,
                                                      const TimeZone& zone);

  Money most() const { return most_; }  // that any call can cost
  Money cost() const { return cost_; }  // as the config says, before anything moves it
  Money price(const Circumstances& under) const;
  const TermsPolicy& policy() const { return policy_; }

  // By volume: the window in which calls count, and how many of them have the price of the next
  // one; nothing: all that follow.
  bool counts_calls() const { return policy_.volume.has_value(); }
  Window window() const { return policy_.volume->per; }
  std::optional<int64_t> tier_end(const Circumstances& under) const;
  // The account that counts them, of one caller, and its label.
  AccountId account(const AccountId& who) const;
  const std::string& label() const { return label_; }
  // What the upstream's answer says decides, see settled(); until then all of most() is held.
  bool is_told_by_upstream() const { return policy_.dynamic && policy_.dynamic->upstream_cost; }
  // At this cost of the upstream's; nothing: it did not say. More than most() is an overrun (Law
  // 1.3), which the ledger handles.
  Money settled(std::optional<Money> upstream) const;

 private:
  std::optional<ArgumentMistake> check_volume();
  std::optional<ArgumentMistake> check_dynamic();
  const UnitTier& tier(const Circumstances& under) const;
  Money adjusted(Money cost, const Circumstances& under) const;
  Money dearest() const;

  TermsPolicy policy_;
  TimeZone zone_;
  std::string rule_, label_;
  Money cost_, most_;
  int64_t free_calls_ = 0;  // of tiers that cost nothing, at the beginning
};

}  // namespace satgate::tariff
