#include "payment/jcs.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/limits.h"

namespace satgate::payment {
namespace {

// RFC 8785, 3.2.2.3: Number::toString of ECMAScript, from the shortest digits that round-trip.
void append_number(std::string& out, double number) {
  if (number == 0) {  // either zero
    out += '0';
    return;
  }
  std::array<char, 32> text{};
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::scientific);
  std::string_view rest(text.data(), static_cast<size_t>(end - text.data()));
  if (rest.front() == '-') {
    out += '-';
    rest.remove_prefix(1);
  }
  const size_t e = rest.find('e');
  std::string digits(1, rest.front());
  if (e > 1) digits += rest.substr(2, e - 2);
  int exponent = 0;
  const char* from = rest.data() + e + (rest[e + 1] == '+' ? 2 : 1);
  std::from_chars(from, end, exponent);

  const int point = exponent + 1;  // digits before the decimal point
  const int count = static_cast<int>(digits.size());
  if (point > 21 || point <= -6) {
    out += digits.front();
    if (count > 1) out.append(1, '.').append(digits, 1);
    out += exponent < 0 ? "e-" : "e+";
    out += std::to_string(std::abs(exponent));
  } else if (point <= 0) {
    out.append("0.").append(static_cast<size_t>(-point), '0').append(digits);
  } else if (point >= count) {
    out.append(digits).append(static_cast<size_t>(point - count), '0');
  } else {
    out.append(digits, 0, static_cast<size_t>(point)).append(1, '.');
    out.append(digits, static_cast<size_t>(point));
  }
}

// As UTF-16 code units: beyond the basic plane are surrogates, which come before U+E000. In valid
// UTF-8 the first bytes that differ decide, and only a lead of four bytes is out of place.
bool utf16_less(std::string_view a, std::string_view b) {
  const auto [at, bt] = std::ranges::mismatch(a, b);
  if (at == a.end() || bt == b.end()) return at == a.end() && bt != b.end();
  const auto x = static_cast<uint8_t>(*at), y = static_cast<uint8_t>(*bt);
  if ((x >= 0xf0) != (y >= 0xf0)) {
    // U+E000 and above begin with 0xee or 0xef.
    if (x >= 0xf0) return y >= 0xee;
    return x < 0xee;
  }
  return x < y;
}

bool append_value(std::string& out, const nlohmann::json& value, size_t depth) {
  if (depth == 0) return false;
  if (value.is_object()) {
    std::vector<std::pair<std::string_view, const nlohmann::json*>> members;
    for (const auto& [name, member] : value.items())
      members.emplace_back(name, &member);
    std::ranges::sort(members, utf16_less, [](const auto& member) { return member.first; });
    out += '{';
    for (size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out += ',';
      out.append(nlohmann::json(members[i].first).dump()).append(1, ':');
      if (!append_value(out, *members[i].second, depth - 1)) return false;
    }
    out += '}';
  } else if (value.is_array()) {
    out += '[';
    for (size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ',';
      if (!append_value(out, value[i], depth - 1)) return false;
    }
    out += ']';
  } else if (value.is_number()) {
    const auto number = value.get<double>();
    if (!std::isfinite(number)) return false;
    append_number(out, number);
  } else {
    out += value.dump();  // its escapes are those of RFC 8785
  }
  return true;
}

}  // namespace

Result<std::string> canonical_json(std::string_view json) {
  if (json.size() > limits::mpp_credential_bytes_max) return fail("JSON: the text is too long");
  const nlohmann::json value = nlohmann::json::parse(json, nullptr, false);
  if (value.is_discarded()) return fail("JSON: the text is none");
  std::string out;
  if (!append_value(out, value, limits::mpp_json_depth_max))
    return fail("JSON: too deep, or a number beyond a double");
  return out;
}

}  // namespace satgate::payment
