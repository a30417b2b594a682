#include "console/terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace satgate::console {
namespace {

constexpr std::string_view kNone = "none";

constexpr std::array<std::pair<Window, std::string_view>, 4> kLimits = {
    {{Window::hour, "hourly_limit"},
     {Window::day, "daily_limit"},
     {Window::month, "monthly_limit"},
     {Window::lifetime, "total_limit"}}};

// Where a caveat is not called as its member is.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kMembers = {
    {{"tools", "allow_tools"}, {"tools_deny", "deny_tools"}, {"call_max", "call_limit"}}};

class Differences {
 public:
  void compare(std::string_view member, std::string_view known, std::string_view asked) {
    if (known != asked)
      found_.push_back(fmt::format("{} (it is {}, not {})", member, known, asked));
  }
  // Of what can be changed later: it may be asked for as it was minted, or as it is.
  void compare(std::string_view member, std::string_view known, std::string_view minted,
               std::string_view asked) {
    if (minted != asked) compare(member, known, asked);
  }
  std::vector<std::string> take() { return std::move(found_); }

 private:
  std::vector<std::string> found_;
};

std::string limit_text(const SpendLimits& limits, Window window) {
  return limits.limits(window) ? format_credits(limits[window]) : std::string(kNone);
}

std::string amount_text(const std::optional<Money>& amount) {
  return amount ? format_credits(*amount) : std::string(kNone);
}

std::string name_text(const std::string& name) {
  return name.empty() ? std::string(kNone) : fmt::format("'{}'", name);
}

std::string expiry_text(const std::optional<Time>& expires) {
  return expires ? format_rfc3339(*expires) : std::string(kNone);
}

std::string labels_text(const std::vector<std::pair<std::string, std::string>>& labels) {
  const std::map<std::string, std::string> sorted(labels.begin(), labels.end());
  std::string out;
  for (const auto& [name, value] : sorted)
    out += fmt::format("{}'{}={}'", out.empty() ? "" : " ", name, value);
  return out.empty() ? std::string(kNone) : out;
}

std::string member_of(std::string_view key) {
  const auto found = std::ranges::find(kMembers, key, [](const auto& pair) { return pair.first; });
  return std::string(found == kMembers.end() ? key : found->second);
}

// By member; the items of a list in one order. `expires` is compared as a time.
std::map<std::string, std::string> values(const std::vector<std::string>& caveats) {
  constexpr std::string_view sign = " = ";
  std::map<std::string, std::string> out;
  for (const std::string_view caveat : caveats) {
    const size_t at = caveat.find(sign);
    const std::string_view key = caveat.substr(0, at);
    if (key == "expires" || at == caveat.npos) continue;
    std::vector<std::string_view> items = split(caveat.substr(at + sign.size()), ',');
    std::ranges::sort(items);
    out[member_of(key)] = fmt::format("'{}'", fmt::join(items, ", "));
  }
  return out;
}

// Each value that is missing in one of both is none.
void compare_values(Differences& found, std::map<std::string, std::string> known,
                    std::map<std::string, std::string> asked) {
  for (const auto& [member, value] : known)
    asked.try_emplace(member, kNone);
  for (const auto& [member, value] : asked) {
    const auto mine = known.try_emplace(member, kNone).first;
    found.compare(member, mine->second, value);
  }
}

bool ends_in_time(const std::optional<Time>& known, const std::optional<Time>& asked) {
  if (!known || !asked) return known == asked;
  return *known <= *asked;
}

}  // namespace

std::vector<std::string> differences(const TokenRecord& known, const TokenRecord& asked) {
  const TokenTerms minted =
      known.minted.value_or(TokenTerms{known.limits, known.labels, known.alert_threshold});
  Differences found;
  for (const auto& [window, member] : kLimits) {
    found.compare(member, limit_text(known.limits, window), limit_text(minted.limits, window),
                  limit_text(asked.limits, window));
  }
  found.compare("budget", name_text(known.budget), name_text(asked.budget));
  found.compare("labels", labels_text(known.labels), labels_text(minted.labels),
                labels_text(asked.labels));
  found.compare("alert_threshold", amount_text(known.alert_threshold),
                amount_text(minted.alert_threshold), amount_text(asked.alert_threshold));
  compare_values(found, values(known.caveats), values(asked.caveats));
  if (!ends_in_time(known.expires, asked.expires)) {
    found.compare("expires", expiry_text(known.expires), expiry_text(asked.expires));
  }
  return found.take();
}

}  // namespace satgate::console
