#include "payment/exchange_rate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace satgate::payment {
namespace {

using nlohmann::json;

constexpr int64_t kSatsPerBtc = 100'000'000;
constexpr double kUsdMax = 1e8;  // of a bitcoin: a dollar a satoshi

// One step of a path: a member, or a place in a list.
const json* step_into(const json& value, std::string_view step) {
  if (value.is_array()) {
    const auto place = parse_uint(step);
    return place && *place < value.size() ? &value[*place] : nullptr;
  }
  if (!value.is_object()) return nullptr;
  const auto member = value.find(step);
  return member == value.end() ? nullptr : &*member;
}

const json* find_at(const json& document, std::string_view path) {
  const json* at = &document;
  for (const std::string_view step : split(path, '.')) {
    at = step_into(*at, step);
    if (at == nullptr) return nullptr;
  }
  return at;
}

// Dollars, as a decimal text.
std::optional<std::string> price_text(const json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const bool is_plain = text.find_first_not_of("0123456789.") == text.npos;
    return is_plain ? std::optional(text) : std::nullopt;
  }
  if (!value.is_number()) return std::nullopt;
  const auto number = value.get<double>();
  if (!std::isfinite(number) || number <= 0 || number > kUsdMax) return std::nullopt;
  return fmt::format("{:.9f}", number);
}

}  // namespace

Result<int64_t> read_rate(std::string_view body, const RateTerms& terms) {
  if (body.size() > kRateAnswerBytesMax) return fail("its answer is too large");
  const json document = json::parse(body, nullptr, false);
  if (document.is_discarded()) return fail("its answer is not JSON");
  const json* found = find_at(document, terms.path);
  if (found == nullptr) return fail(fmt::format("there is nothing at '{}'", terms.path));
  const std::optional<std::string> text = price_text(*found);
  const auto usd = text ? parse_amount(*text) : Result<Money>(fail(""));
  if (!usd) return fail(fmt::format("what stands at '{}' is no price in dollars", terms.path));
  const __int128 per_usd =
      static_cast<__int128>(kNanoPerCredit) * (terms.per == RatePer::btc ? kSatsPerBtc : 1);
  const __int128 nano =
      (static_cast<__int128>(usd->nano()) * terms.nano_per_usd + per_usd - 1) / per_usd;
  if (nano <= 0 || nano > terms.nano_per_usd) {
    return fail(fmt::format("no satoshi costs what '{}' says: {} dollars", terms.path, *text));
  }
  return static_cast<int64_t>(nano);
}

bool ExchangeRate::is_near(int64_t value, int64_t other) const {
  const __int128 change = value > other ? value - other : other - value;
  return change * 100 <= static_cast<__int128>(other) * terms_.change_percent_max;
}

bool ExchangeRate::is_fresh(Time now) const {
  return rate_ && now < later(fetched_, terms_.max_age_seconds);
}

Result<void> ExchangeRate::learn(int64_t nano_per_sat, Time now) {
  const std::lock_guard lock(mutex_);
  const std::optional<int64_t> before = rate_ ? rate_ : terms_.fallback;
  const bool is_confirmed = doubted_ && is_near(nano_per_sat, *doubted_);
  if (before && !is_near(nano_per_sat, *before) && !is_confirmed) {
    doubted_ = nano_per_sat;
    problem_ = fmt::format(
        "{} credits a satoshi is more than {} % away from {}: not believed until the next one "
        "says the same",
        format_credits(Money::nano(nano_per_sat)), terms_.change_percent_max,
        format_credits(Money::nano(*before)));
    notice_ = problem_;
    return fail(problem_);
  }
  rate_ = nano_per_sat;
  fetched_ = now;
  doubted_.reset();
  if (!problem_.empty()) notice_ = "is known again";
  problem_.clear();
  return {};
}

void ExchangeRate::failed(std::string why) {
  const std::lock_guard lock(mutex_);
  if (problem_ != why) notice_ = why;  // it may stay away for days
  problem_ = std::move(why);
}

std::optional<int64_t> ExchangeRate::at(Time now) const {
  const std::lock_guard lock(mutex_);
  return is_fresh(now) ? rate_ : terms_.fallback;
}

ExchangeRate::Status ExchangeRate::status(Time now) const {
  const std::lock_guard lock(mutex_);
  Status status;
  status.nano_per_sat = is_fresh(now) ? rate_ : terms_.fallback;
  if (rate_) status.fetched = fetched_;
  status.is_fallback = !is_fresh(now) && terms_.fallback;
  status.problem = problem_;
  return status;
}

std::optional<std::string> ExchangeRate::take_notice() {
  const std::lock_guard lock(mutex_);
  return std::exchange(notice_, std::nullopt);
}

}  // namespace satgate::payment
