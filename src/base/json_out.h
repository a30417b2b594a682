// Writes JSON into a string, in order, without a tree: for events, refusals and headers on the
// request path. Parsing is simdjson's (request path) or nlohmann's (elsewhere); this only prints.
//
//   JsonOut out(buffer);
//   out.object().key("cost").money(cost).key("tool").string(name).end();
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/money.h"
#include "base/text.h"
#include "base/time.h"

namespace satgate {

class JsonOut {
 public:
  // A literal that stands for itself, which the compiler checks.
  class Key {
   public:
    template <std::convertible_to<std::string_view> Literal>
    consteval Key(const Literal& literal) : text_(literal) {
      for (const char c : text_) {
        if (!is_plain(c)) throw "such a key has to be escaped";
      }
    }
    constexpr operator std::string_view() const { return text_; }

   private:
    std::string_view text_;
  };

  explicit JsonOut(std::string& out) : out_(out) {}

  JsonOut& object() { return open('{'); }
  JsonOut& end() { return close('}'); }
  JsonOut& array() { return open('['); }
  JsonOut& end_array() { return close(']'); }
  JsonOut& key(Key name);
  JsonOut& member(std::string_view name);  // as key(), of any text: escapes
  JsonOut& string(std::string_view text);  // escapes; invalid UTF-8 becomes U+FFFD
  JsonOut& integer(int64_t value);
  JsonOut& boolean(bool value);
  JsonOut& null();
  JsonOut& money(Money amount);         // credits as a JSON number: 2, 0.001
  JsonOut& time(Time at);               // RFC 3339 with milliseconds
  JsonOut& raw(std::string_view json);  // already JSON

 private:
  JsonOut& open(char bracket);
  JsonOut& close(char bracket);
  void separate();
  std::string_view opening_quote() const;

  std::string& out_;
  bool first_ = true;
};

void append_json_string(std::string& out, std::string_view text);

}  // namespace satgate
