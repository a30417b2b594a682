// Names for applications that come without a token of ours, by the key that they have of somebody
// else: "key-3fa9c1d2". The same key has the same name for as long as the secret is kept; without
// the secret nobody can tell from a name whether a key is the one.
#pragma once

#include <string>
#include <string_view>

#include "base/crypto.h"

namespace satgate::flow {

class KeyNames {
 public:
  explicit KeyNames(const Hash256& secret) : secret_(secret) {}
  static KeyNames random();  // until the process ends

  std::string of(std::string_view key) const;

 private:
  Hash256 secret_;
};

}  // namespace satgate::flow
