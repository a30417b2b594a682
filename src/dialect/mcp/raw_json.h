// One level of a JSON text as raw views: what a gateway needs to read a few members and to pass the
// rest on byte for byte. simdjson reads; nothing is ever printed again from a parsed number.
#pragma once

#include <simdjson.h>

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace satgate::dialect::mcp {

inline constexpr size_t kJsonDepthMax = 128;
inline constexpr size_t kJsonEnvelopeMembersMax = 64;  // of an object that is read, not passed on

struct RawMember {
  std::string_view key;    // unescaped
  std::string_view value;  // raw, without surrounding white space
};

// Keeps simdjson's buffers between texts; one a loop or a connection, not shared between threads.
// Views point into the given text; unescaped strings live until the next forget().
class RawJson {
 public:
  // The whole text is one JSON value of bounded depth: every token, escape and number checked.
  // Integers of any size and lone surrogates pass, because they are passed on as they came.
  Result<void> check(std::string_view text);

  // Members of an object in their order, duplicates included. Deeper levels are only skipped: run
  // check() first on texts from outside.
  Result<std::vector<RawMember>> members(std::string_view object,
                                         size_t members_max = kJsonEnvelopeMembersMax);

  // Elements of an array in their order.
  Result<std::vector<std::string_view>> elements(std::string_view array, size_t elements_max);

  // The value of a raw JSON string. Strings that UTF-8 cannot say (lone surrogates) are refused.
  Result<std::string_view> unescape(std::string_view raw_string);

  // Frees unescaped strings, and buffers that one huge text had made large.
  void forget();

 private:
  Result<simdjson::ondemand::document> open(std::string_view text);
  std::string_view in_text(std::string_view in_padded, std::string_view text) const;
  Result<std::string_view> raw_value(simdjson::ondemand::value value, std::string_view text) const;
  Result<std::string_view> key_of(simdjson::ondemand::field& field, std::string_view text);

  simdjson::ondemand::parser parser_;
  std::string padded_;
  std::deque<std::string> unescaped_;
};

// A string that simdjson has found, from behind its opening quote to before the closing one.
inline std::string_view string_body(const char* start) {
  const char* p = start;
  while (*p != '"')
    p += *p == '\\' ? 2 : 1;
  return {start, static_cast<size_t>(p - start)};
}

// The text without the white space between its tokens, run by run, so that two ways to print one
// value are told to be the same. The text must have passed check().
template <class Take>
void each_compact_run(std::string_view json, Take take) {
  size_t begin = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') in_string = !in_string;
    if (in_string) {
      if (c == '\\') ++i;  // the next one is part of an escape
      continue;
    }
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') continue;
    if (i > begin) take(json.substr(begin, i - begin));
    begin = i + 1;
  }
  if (begin < json.size()) take(json.substr(begin));
}

// Line breaks outside of strings become blanks, so that the text fits a line of stdio or of SSE.
// The text must have passed check(): then line breaks inside of strings are always escaped.
void make_one_line(std::string& json);

}  // namespace satgate::dialect::mcp
