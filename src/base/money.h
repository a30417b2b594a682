// Money: int64 nano-credits. A credit is one US dollar unless `currency.usdPerCredit` says
// otherwise. Decimal strings in and out, never floating point; rounding is always up, against
// the spender (LAWS.md, "Words").
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace satgate {

inline constexpr int64_t kNanoPerCredit = 1'000'000'000;

// A non-floating amount. Sums saturate at the ends of the range, so an overflow can only make a
// price dearer or a budget no larger; it never wraps into a smaller number.
class Money {
 public:
  constexpr Money() = default;
  static constexpr Money nano(int64_t n) { return Money(n); }
  static constexpr Money credits(int64_t n) { return Money(n) * kNanoPerCredit; }
  static constexpr Money max() { return Money(INT64_MAX); }

  constexpr int64_t nano() const { return nano_; }
  constexpr bool is_negative() const { return nano_ < 0; }
  constexpr bool is_zero() const { return nano_ == 0; }

  constexpr auto operator<=>(const Money&) const = default;

  constexpr Money operator+(Money other) const {
    int64_t sum = 0;
    if (__builtin_add_overflow(nano_, other.nano_, &sum)) {
      return Money(other.nano_ > 0 ? INT64_MAX : INT64_MIN);
    }
    return Money(sum);
  }
  constexpr Money operator-(Money other) const {
    int64_t difference = 0;
    if (__builtin_sub_overflow(nano_, other.nano_, &difference)) {
      return Money(other.nano_ < 0 ? INT64_MAX : INT64_MIN);
    }
    return Money(difference);
  }
  constexpr Money operator*(int64_t factor) const {
    int64_t product = 0;
    if (__builtin_mul_overflow(nano_, factor, &product)) {
      return Money((nano_ < 0) == (factor < 0) ? INT64_MAX : INT64_MIN);
    }
    return Money(product);
  }
  constexpr Money& operator+=(Money other) { return *this = *this + other; }
  constexpr Money& operator-=(Money other) { return *this = *this - other; }

 private:
  explicit constexpr Money(int64_t n) : nano_(n) {}
  int64_t nano_ = 0;
};

constexpr Money min(Money a, Money b) {
  return a < b ? a : b;
}
constexpr Money max(Money a, Money b) {
  return a < b ? b : a;
}

// How text becomes nano-credits. Both rates are nano-credits per whole unit, rounded up.
struct Currency {
  int64_t nano_per_usd = kNanoPerCredit;
  std::optional<int64_t> nano_per_sat;  // unset: amounts in sats are refused
};

// Reads `50`, `0.001`, `50 credits`, `1 credit`, `$0.05`, `0.001 USD`, `10 sats`. Bare numbers are
// credits. Fractions finer than a nano-credit round up. Refuses signs, exponents, thousands
// separators, an empty string, an unknown unit and amounts beyond int64.
Result<Money> parse_amount(std::string_view text, const Currency& currency = {});

// An amount as text, without an allocation.
class AmountText {
 public:
  std::string_view view() const { return {text_.data(), size_}; }
  operator std::string_view() const { return view(); }

 private:
  friend AmountText credits_text(Money amount);
  friend AmountText usd_text(Money amount, const Currency& currency);
  AmountText(__int128 nano, size_t decimals_min, std::string_view unit);
  std::array<char, 64> text_;
  size_t size_ = 0;
};

// Shortest decimal string in credits: 4.5 -> "4.5", 25 -> "25", one nano -> "0.000000001".
AmountText credits_text(Money amount);
std::string format_credits(Money amount);

// Amount and unit as in response headers: "4.50 USD"; at least two decimals, as many as needed.
// With usdPerCredit other than 1 the amount is converted, rounding toward less to spend.
AmountText usd_text(Money amount, const Currency& currency = {});
std::string format_usd(Money amount, const Currency& currency = {});

}  // namespace satgate
