#include "tariff/decimal.h"

#include <algorithm>

namespace satgate::tariff {
namespace {

// Exponents beyond are all the same: no text is so long that its digits could make up for it.
constexpr int64_t kExponentMax = 1'000'000'000'000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Takes digits from the front of `text`.
std::string_view take_digits(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, is_digit);
  const auto size = static_cast<size_t>(end - text.begin());
  const std::string_view digits = text.substr(0, size);
  text.remove_prefix(size);
  return digits;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// All of `text`, behind the 'e'.
std::optional<int64_t> exponent_of(std::string_view text) {
  const bool negative = take(text, '-');
  if (!negative) take(text, '+');
  const std::string_view digits = take_digits(text);
  if (digits.empty() || !text.empty()) return std::nullopt;
  int64_t value = 0;
  for (const char c : digits)
    value = std::min(kExponentMax, value * 10 + (c - '0'));
  return negative ? -value : value;
}

}  // namespace

std::optional<Decimal> Decimal::parse(std::string_view text) {
  Decimal number;
  number.negative_ = take(text, '-');
  const std::string_view whole = take_digits(text);
  if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) return std::nullopt;
  std::string_view fraction;
  if (take(text, '.')) {
    fraction = take_digits(text);
    if (fraction.empty()) return std::nullopt;
  }
  number.point_ = static_cast<int64_t>(whole.size());
  if (take(text, 'e') || take(text, 'E')) {
    const auto exponent = exponent_of(text);
    if (!exponent) return std::nullopt;
    number.point_ += *exponent;
    text = {};
  }
  if (!text.empty()) return std::nullopt;
  number.digits_.append(whole).append(fraction);
  number.digits_.erase(number.digits_.find_last_not_of('0') + 1);
  const size_t zeros = std::min(number.digits_.find_first_not_of('0'), number.digits_.size());
  number.digits_.erase(0, zeros);
  number.point_ -= static_cast<int64_t>(zeros);
  if (number.digits_.empty()) return Decimal();
  return number;
}

std::optional<int64_t> Decimal::whole() const {
  constexpr int64_t kDigitsMax = 19;
  const auto size = static_cast<int64_t>(digits_.size());
  if (size > point_ || point_ > kDigitsMax) return std::nullopt;
  int64_t value = 0;
  for (int64_t i = 0; i < point_; ++i) {
    const int64_t digit = i < size ? digits_[static_cast<size_t>(i)] - '0' : 0;
    const bool overflows = __builtin_mul_overflow(value, int64_t{10}, &value) ||
                           __builtin_add_overflow(value, negative_ ? -digit : digit, &value);
    if (overflows) return std::nullopt;
  }
  return value;
}

std::strong_ordering Decimal::operator<=>(const Decimal& other) const {
  const auto sign = [](const Decimal& n) { return n.digits_.empty() ? 0 : n.negative_ ? -1 : 1; };
  if (sign(*this) != sign(other)) return sign(*this) <=> sign(other);
  const Decimal& a = negative_ ? other : *this;  // of two negative ones the larger is the smaller
  const Decimal& b = negative_ ? *this : other;
  if (a.point_ != b.point_) return a.point_ <=> b.point_;
  return a.digits_.compare(b.digits_) <=> 0;
}

}  // namespace satgate::tariff
