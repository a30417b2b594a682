// A decimal number of any size, exactly as it is written: never floating point, so that a bound
// holds for 9007199254740993 as it does for 0.1.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace satgate::tariff {

class Decimal {
 public:
  // A number as JSON writes it: "-12.5e3". Nothing: it is none.
  static std::optional<Decimal> parse(std::string_view text);

  // Nothing: it has a fraction, or is outside of int64.
  std::optional<int64_t> whole() const;

  std::strong_ordering operator<=>(const Decimal& other) const;
  bool operator==(const Decimal& other) const = default;

 private:
  // 0.DIGITS times ten to the power of `point`. Neither the first nor the last digit is a zero;
  // the number zero has none, and neither sign nor point.
  bool negative_ = false;
  std::string digits_;
  int64_t point_ = 0;
};

}  // namespace satgate::tariff
