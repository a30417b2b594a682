#include "base/money.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace satgate {
namespace {

// A decimal string as value * 10^-9, rounded up. Units are applied by the caller.
Result<__int128> parse_decimal_nano(std::string_view digits, std::string_view whole) {
  constexpr __int128 limit = static_cast<__int128>(INT64_MAX) * 1'000'000;
  __int128 value = 0;
  int decimals = -1;
  bool any = false, remainder = false;
  for (const char c : digits) {
    if (c == '.') {
      if (decimals >= 0) return fail(fmt::format("'{}' is not an amount: two points", whole));
      decimals = 0;
      continue;
    }
    if (c < '0' || c > '9') {
      return fail(
          fmt::format("'{}' is not an amount; write for example 25, 0.05 or '50 credits'", whole));
    }
    any = true;
    if (decimals == 9) {
      remainder = remainder || c != '0';
      continue;
    }
    value = value * 10 + (c - '0');
    if (decimals >= 0) ++decimals;
    if (value > limit) return fail(fmt::format("the amount '{}' is too large", whole));
  }
  if (!any) return fail(fmt::format("'{}' is not an amount: no digits", whole));
  for (int i = decimals < 0 ? 0 : decimals; i < 9; ++i) {
    value *= 10;
    if (value > limit * 10) return fail(fmt::format("the amount '{}' is too large", whole));
  }
  return value + (remainder ? 1 : 0);
}

// value (in 10^-9 units) at `rate` nano-credits a unit, rounded up.
Result<Money> at_rate(__int128 value, int64_t rate, std::string_view whole) {
  __int128 product = 0;
  if (__builtin_mul_overflow(value, static_cast<__int128>(rate), &product)) {
    return fail(fmt::format("the amount '{}' is too large", whole));
  }
  const __int128 nano = (product + (kNanoPerCredit - 1)) / kNanoPerCredit;
  if (nano > INT64_MAX) return fail(fmt::format("the amount '{}' is too large", whole));
  return Money::nano(static_cast<int64_t>(nano));
}

}  // namespace

Result<Money> parse_amount(std::string_view text, const Currency& currency) {
  const std::string_view whole = trim(text);
  std::string_view number = whole;
  int64_t rate = kNanoPerCredit;
  if (number.starts_with('$')) {
    number = trim(number.substr(1));
    rate = currency.nano_per_usd;
  } else if (const size_t end = number.find_first_not_of("0123456789."); end != number.npos) {
    const std::string unit = lowercase(trim(number.substr(end)));
    number = number.substr(0, end);
    if (unit == "credit" || unit == "credits") {
      rate = kNanoPerCredit;
    } else if (unit == "usd") {
      rate = currency.nano_per_usd;
    } else if (unit == "sat" || unit == "sats") {
      if (!currency.nano_per_sat) {
        return fail(fmt::format("'{}' is in sats, but currency.usdPerSat is not set", whole));
      }
      rate = *currency.nano_per_sat;
    } else {
      return fail(fmt::format(
          "'{}' is not an amount; write for example 25, $0.05, '50 credits' or '10 sats'", whole));
    }
  }
  TRY_ASSIGN(const __int128 value, parse_decimal_nano(number, whole));
  return at_rate(value, rate, whole);
}

AmountText::AmountText(__int128 nano, size_t decimals_min, std::string_view unit) {
  const bool negative = nano < 0;
  if (negative) nano = -nano;
  char* out = text_.data();
  if (negative) *out++ = '-';
  // A converted amount may be beyond 64 bits of nano-dollars; its units are not.
  const bool fits = nano <= INT64_MAX;
  const auto whole = static_cast<uint64_t>(fits ? static_cast<int64_t>(nano) / kNanoPerCredit
                                                : nano / kNanoPerCredit);
  out = std::to_chars(out, text_.end(), whole).ptr;
  std::array<char, 9> fraction;
  fraction.fill('0');
  auto rest = static_cast<uint32_t>(nano - static_cast<__int128>(whole) * kNanoPerCredit);
  for (size_t i = fraction.size(); rest != 0; rest /= 10)
    fraction[--i] = static_cast<char>('0' + rest % 10);
  size_t decimals = fraction.size();
  while (decimals > decimals_min && fraction[decimals - 1] == '0')
    --decimals;
  if (decimals > 0) *out++ = '.';
  out = std::copy_n(fraction.begin(), decimals, out);
  out = std::copy(unit.begin(), unit.end(), out);
  size_ = static_cast<size_t>(out - text_.data());
}

AmountText credits_text(Money amount) {
  return {amount.nano(), 0, {}};
}

std::string format_credits(Money amount) {
  return std::string(credits_text(amount).view());
}

AmountText usd_text(Money amount, const Currency& currency) {
  __int128 nano_usd = amount.nano();
  if (currency.nano_per_usd != kNanoPerCredit) {
    nano_usd = nano_usd * kNanoPerCredit / currency.nano_per_usd;
  }
  return {nano_usd, 2, " USD"};
}

std::string format_usd(Money amount, const Currency& currency) {
  return std::string(usd_text(amount, currency).view());
}

}  // namespace satgate
