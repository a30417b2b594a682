// Reading what nodes answer with. They are not trusted: nothing is guessed, amounts are whole
// numbers, and what does not fit is an error.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/result.h"

namespace satgate::node {

using Json = nlohmann::ordered_json;

// A JSON object in which no member stands twice.
Result<Json> read_object(std::string_view text);
// Text that is not UTF-8 is replaced.
std::string write_json(const Json& json);

// Null: it is not there, or null.
const Json* member(const Json& object, const char* name);
const Json* object_at(const Json& object, const char* name);  // and it is an object
Result<std::string> text_at(const Json& object, const char* name);
// Zero or more. A number, or digits in quotes (int64 of Protocol Buffers in JSON).
Result<int64_t> whole_at(const Json& object, const char* name);
Result<bool> flag_at(const Json& object, const char* name);
Result<Hash256> hex_hash_at(const Json& object, const char* name);
Result<Hash256> base64_hash_at(const Json& object, const char* name);
std::optional<Hash256> hash_of_bytes(std::string_view bytes);

// Satoshis in millisatoshis; fails beyond all money there is.
Result<int64_t> msat_of_sat(int64_t sat);

inline constexpr int64_t kMsatMax = int64_t{21'000'000} * 100'000'000 * 1'000;

}  // namespace satgate::node
