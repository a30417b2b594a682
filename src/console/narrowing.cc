#include "console/narrowing.h"

#include <fmt/format.h>

#include "token/caveat.h"

namespace satgate::console {

Result<Time> parse_expiry(const std::string& text, Time now) {
  if (const auto seconds = parse_duration_seconds(text)) {
    return later(now, *seconds);
  }
  if (const auto time = parse_time(text)) return *time;
  return fail(
      fmt::format("'{}' is neither a duration (1h, 7d) nor a date (2026-06-30, "
                  "2026-06-30T12:00:00Z)",
                  text));
}

namespace {

// Collects caveats, keeping the first error.
class Lines {
 public:
  void add(Result<std::string> caveat) {
    if (!caveat) {
      if (error_.empty()) error_ = caveat.error().message;
      return;
    }
    lines_.push_back(std::move(*caveat));
  }
  void add_list(CaveatKey key, const std::vector<std::string>& items) {
    if (!items.empty()) add(token::list_caveat(key, items));
  }
  void add_money(CaveatKey key, const std::optional<Money>& amount) {
    if (amount) add(token::money_caveat(key, *amount));
  }
  void add_name(CaveatKey key, const std::optional<std::string>& name) {
    if (name) add(token::name_caveat(key, *name));
  }
  Result<std::vector<std::string>> finish() {
    if (!error_.empty()) return fail(error_);
    return std::move(lines_);
  }

 private:
  std::vector<std::string> lines_;
  std::string error_;
};

}  // namespace

Result<std::vector<std::string>> caveats_of(const Narrowing& n, Time now) {
  Lines lines;
  lines.add_name(CaveatKey::holder, n.holder);
  for (const auto& [name, value] : n.labels)
    lines.add(token::label_caveat(name, value));
  lines.add_list(CaveatKey::audience, n.audience);
  lines.add_name(CaveatKey::upstream, n.upstream);
  lines.add_list(CaveatKey::endpoints, n.endpoints);
  lines.add_list(CaveatKey::methods, n.methods);
  lines.add_list(CaveatKey::tools, n.tools);
  lines.add_list(CaveatKey::tools_deny, n.tools_deny);
  lines.add_list(CaveatKey::models, n.models);
  lines.add_money(CaveatKey::call_max, n.call_max);
  if (n.rate_limit) {
    auto parsed = token::parse_caveat("rate_limit = " + *n.rate_limit);
    if (!parsed) {
      lines.add(fail(parsed.error().message));
    } else {
      lines.add(token::rate_caveat(parsed->count, parsed->window));
    }
  }
  lines.add_money(CaveatKey::budget_hourly, n.budget_hourly);
  lines.add_money(CaveatKey::budget_daily, n.budget_daily);
  lines.add_money(CaveatKey::budget_monthly, n.budget_monthly);
  lines.add_money(CaveatKey::budget_max, n.budget_max);
  if (n.max_depth) lines.add(token::depth_caveat(*n.max_depth));
  if (n.expires) {
    TRY_ASSIGN(const Time expires, parse_expiry(*n.expires, now));
    lines.add(token::expires_caveat(expires));
  }
  return lines.finish();
}

}  // namespace satgate::console
