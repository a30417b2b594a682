// Plain API keys that the config lets act for a token. Only their hashes are kept: who reads the
// config or the memory of the gateway can not call with them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/crypto.h"
#include "base/result.h"

namespace satgate::flow {

class ApiKeys {
 public:
  // Fails, with a sentence, when the text is no key: too short to resist guessing against its hash,
  // or of a form that a request could not carry or that reads as a token.
  static Result<void> check(std::string_view key);
  static Hash256 hash(std::string_view key) { return sha256(key); }

  // False when the key is there already.
  bool add(const Hash256& hash, std::string token_name);

  // The name of the token that this key acts for, or null. Time tells nothing about the keys: what
  // is looked up is a hash, which nobody can choose the digits of.
  const std::string* find(std::string_view key) const;

  bool empty() const { return tokens_.empty(); }
  auto begin() const { return tokens_.begin(); }
  auto end() const { return tokens_.end(); }

 private:
  struct FirstBytes {
    size_t operator()(const Hash256& hash) const;
  };
  std::unordered_map<Hash256, std::string, FirstBytes> tokens_;  // by the key's hash
};

}  // namespace satgate::flow
