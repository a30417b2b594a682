#include "flow/api_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "flow/credential.h"

namespace satgate::flow {
namespace {

// 24 random letters and digits are more than 128 bits.
constexpr size_t kKeyBytesMin = 24;
constexpr size_t kKeyBytesMax = 512;

}  // namespace

size_t ApiKeys::FirstBytes::operator()(const Hash256& hash) const {
  size_t first = 0;
  std::memcpy(&first, hash.data(), sizeof first);
  return first;
}

Result<void> ApiKeys::check(std::string_view key) {
  if (key.size() < kKeyBytesMin || key.size() > kKeyBytesMax) {
    return fail(fmt::format("an API key has {} to {} characters, this one has {}", kKeyBytesMin,
                            kKeyBytesMax, key.size()));
  }
  if (!std::ranges::all_of(key, [](char c) { return c > ' ' && c <= '~'; })) {
    return fail("an API key consists of printable ASCII characters, without spaces");
  }
  if (looks_like_token(key)) {
    return fail("an API key that begins with sg_, Ag or AQ would be read as a token");
  }
  return {};
}

bool ApiKeys::add(const Hash256& hash, std::string token_name) {
  return tokens_.try_emplace(hash, std::move(token_name)).second;
}

const std::string* ApiKeys::find(std::string_view key) const {
  if (tokens_.empty() || !check(key)) return nullptr;
  const auto found = tokens_.find(hash(key));
  return found == tokens_.end() ? nullptr : &found->second;
}

}  // namespace satgate::flow
