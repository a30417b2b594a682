// Reading and changing a request body whose members decide about money. A decisive member that
// appears twice, or in another case ("Max_Tokens"), is refused: upstreams disagree about which one
// counts. Members are found by their decoded names, so an escape hides nothing. Private to the
// room.
#pragma once

#include <simdjson.h>

#include <array>
#include <bitset>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dialect/json_text.h"
#include "dialect/llm.h"

namespace satgate::dialect {

inline constexpr BadRequest kNotJson{"the body is not well-formed JSON, or too large"};
inline constexpr BadRequest kNotObject{"the body must be a JSON object"};
inline constexpr BadRequest kDuplicate{"a member that decides about cost appears twice"};
inline constexpr BadRequest kSpelling{
    "a member that decides about cost is spelled in another case"};
inline constexpr BadRequest kNoModel{"model must be a non-empty string"};

// The place of a member in `names`; nothing: it does not decide.
std::expected<std::optional<size_t>, BadRequest> find_member(
    std::string_view key, std::span<const std::string_view> names);

// Calls `read(index, value)` for each member of `members` that is in `names`, each at most once,
// until one of them is bad.
template <size_t Size, class Read>
std::expected<void, BadRequest> read_members(simdjson::dom::object members,
                                             const std::array<std::string_view, Size>& names,
                                             const Read& read) {
  std::bitset<Size> seen;
  for (const auto [key, value] : members) {
    const auto member = find_member(key, names);
    if (!member) return std::unexpected(member.error());
    if (!*member) continue;
    if (seen[**member]) return std::unexpected(kDuplicate);
    seen.set(**member);
    std::expected<void, BadRequest> done = read(**member, value);
    if (!done) return done;
  }
  return {};
}

// Each reads a value into its place. Null is what an absent member is; `bad` is the answer to
// anything else that does not fit.
std::expected<void, BadRequest> read_model(simdjson::dom::element value, LlmRequest& request);
std::expected<void, BadRequest> read_flag(simdjson::dom::element value, BadRequest bad, bool& flag);
std::expected<void, BadRequest> read_bound(simdjson::dom::element value, BadRequest bad,
                                           std::optional<uint64_t>& bound);

bool among(std::string_view name, std::span<const std::string_view> names);

// What `read` makes of a top `usage`; of several the larger of each count. Nothing if one is bad.
template <class Read>
std::optional<Usage> read_usages(simdjson::dom::element answer, const Read& read) {
  simdjson::dom::object members;
  if (answer.get_object().get(members)) return std::nullopt;
  std::optional<Usage> result;
  for (const auto [key, value] : members) {
    if (key != "usage") continue;
    const std::optional<Usage> usage = read(value);
    if (!usage) return std::nullopt;
    result = result ? larger(*result, *usage) : usage;
  }
  return result;
}

// The id under which the provider keeps an answer; empty if there is none that a path could hold.
std::string_view id_of_answer(simdjson::dom::element answer);

// Where the raw value of a top member lies; empty if it is absent. False: the text cannot be
// walked.
bool find_value(JsonText& json, std::string_view name, std::string_view& value);

// The first thing that `check` finds in an array of them; `name` when it is none.
template <class Check>
std::string_view first_unbounded(simdjson::dom::element value, std::string_view name,
                                 const Check& check) {
  simdjson::dom::array items;
  if (value.is_null()) return {};
  if (value.get_array().get(items)) return name;
  for (const simdjson::dom::element item : items) {
    const std::string_view what = check(item);
    if (!what.empty()) return what;
  }
  return {};
}

// Changes of a text at a few places.
class Patches {
 public:
  // Replaces `erase` bytes at `at` by `text`, which lives until apply().
  void add(size_t at, size_t erase, std::string_view text);
  void apply(std::string_view body, std::string& out) const;

 private:
  struct Patch {
    size_t at = 0;
    size_t erase = 0;
    std::string_view text;
  };
  // At most: one insertion at the start, two bounds, stream options.
  std::array<Patch, 4> list_;
  size_t count_ = 0;
};

// What a bound becomes that is there: at most `most`, and never more than it was.
std::string lowered_bound(std::string_view token, uint64_t most);

}  // namespace satgate::dialect
