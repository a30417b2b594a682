// What the readers of LLM APIs share: a JSON text parsed completely, and places in it. Private to
// the room.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace satgate::dialect {

// Parses copies of texts into memory that is reused, but lets go of what a very large one took.
// The tree is complete before anything is read from it, so that places found by the second, lazy
// parser lie in a text that is known to be well-formed.
class JsonText {
 public:
  // The root, or nothing unless `text` is one well-formed JSON value. Valid until the next parse.
  // Whoever read the text has bounded it.
  std::optional<simdjson::dom::element> parse(std::string_view text);

  // The text parsed last, at an address with the padding that the parsers want.
  std::string_view text() const { return {padded_.data(), size_}; }

  // A lazy walk over the same text, for places.
  simdjson::simdjson_result<simdjson::ondemand::document> walk();

  size_t place(std::string_view token) const {
    return static_cast<size_t>(token.data() - padded_.data());
  }

 private:
  std::string padded_;
  size_t size_ = 0;
  simdjson::dom::parser tree_;
  simdjson::ondemand::parser lazy_;
};

// A whole number; nothing if the member is there but is no such. Absent and null count as zero.
std::optional<uint64_t> read_count(simdjson::dom::object object, std::string_view name);
// The same of `group.name`.
std::optional<uint64_t> read_count(simdjson::dom::object object, std::string_view group,
                                   std::string_view name);

// A scalar's raw token without the white space after it.
std::string_view trim_token(std::string_view token);

}  // namespace satgate::dialect
