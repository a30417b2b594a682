#include "node/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/text.h"

namespace satgate::node {
namespace {

std::unexpected<Error> bad(const char* name, std::string_view what) {
  return fail(fmt::format("its answer can not be used: '{}' {}", name, what));
}

}  // namespace

Result<Json> read_object(std::string_view text) {
  std::vector<std::set<std::string>> names;
  bool twice = false;
  const Json::parser_callback_t watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key) {
      twice = twice || !names.back().insert(value.get_ref<const std::string&>()).second;
    }
    return true;
  };
  Json json = Json::parse(text, watch, false);
  if (json.is_discarded() || !json.is_object()) return fail("its answer is no JSON object");
  if (twice) return fail("its answer has a member twice");
  return json;
}

std::string write_json(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

const Json* object_at(const Json& object, const char* name) {
  const Json* found = member(object, name);
  return found != nullptr && found->is_object() ? found : nullptr;
}

Result<std::string> text_at(const Json& object, const char* name) {
  const Json* found = member(object, name);
  if (found == nullptr || !found->is_string()) return bad(name, "is no text");
  return found->get_ref<const std::string&>();
}

Result<int64_t> whole_at(const Json& object, const char* name) {
  const Json* found = member(object, name);
  std::optional<uint64_t> number;
  if (found != nullptr && found->is_string()) {
    number = parse_uint(found->get_ref<const std::string&>());
  } else if (found != nullptr && found->is_number_unsigned()) {
    number = found->get<uint64_t>();
  }
  if (!number || *number > INT64_MAX) return bad(name, "is no whole number");
  return static_cast<int64_t>(*number);
}

Result<bool> flag_at(const Json& object, const char* name) {
  const Json* found = member(object, name);
  if (found == nullptr || !found->is_boolean()) return bad(name, "is neither true nor false");
  return found->get<bool>();
}

std::optional<Hash256> hash_of_bytes(std::string_view bytes) {
  Hash256 hash{};
  if (bytes.size() != hash.size()) return std::nullopt;
  std::ranges::transform(bytes, hash.begin(), [](char c) { return static_cast<uint8_t>(c); });
  return hash;
}

Result<Hash256> hex_hash_at(const Json& object, const char* name) {
  TRY_ASSIGN(const std::string text, text_at(object, name));
  const auto bytes = from_hex(text);
  const auto hash = bytes ? hash_of_bytes(*bytes) : std::nullopt;
  if (!hash) return bad(name, "is not 64 hex digits");
  return *hash;
}

Result<Hash256> base64_hash_at(const Json& object, const char* name) {
  TRY_ASSIGN(const std::string text, text_at(object, name));
  const auto bytes = base64_decode(text);
  const auto hash = bytes ? hash_of_bytes(*bytes) : std::nullopt;
  if (!hash) return bad(name, "is not 32 bytes in base64");
  return *hash;
}

Result<int64_t> msat_of_sat(int64_t sat) {
  if (sat < 0 || sat > kMsatMax / 1'000) return fail("its answer names more money than there is");
  return sat * 1'000;
}

}  // namespace satgate::node
