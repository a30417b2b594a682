// All accounts by id. Accounts are never erased, so pointers to them stay good.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <unordered_map>

#include "base/crypto.h"
#include "base/ids.h"
#include "ledger/account.h"

namespace satgate::ledger {

// Ids of lineage accounts can be ground offline by whoever holds a token: without a secret seed
// one could fill a single bucket and make every call slow.
struct SeededHash {
  uint64_t seed = random_u64() | 1;
  size_t operator()(const AccountId& id) const noexcept {
    uint64_t words[2];
    std::memcpy(words, id.bytes.data(), sizeof words);
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(words[0] ^ seed) * (words[1] ^ ~seed);
    return static_cast<size_t>(product) ^ static_cast<size_t>(product >> 64);
  }
};

class AccountTable {
 public:
  // Null when the account was never charged, leased or loaded.
  Account* find(const AccountId& id) {
    const auto found = accounts_.find(id);
    return found == accounts_.end() ? nullptr : &found->second;
  }
  const Account* find(const AccountId& id) const {
    return const_cast<AccountTable*>(this)->find(id);
  }

  Account& open(const AccountId& id, AccountKind kind) {
    const auto [at, is_new] = accounts_.try_emplace(id);
    if (is_new) at->second.kind = kind;
    return at->second;
  }

  size_t size() const { return accounts_.size(); }
  auto begin() { return accounts_.begin(); }
  auto end() { return accounts_.end(); }
  auto begin() const { return accounts_.begin(); }
  auto end() const { return accounts_.end(); }

 private:
  std::unordered_map<AccountId, Account, SeededHash> accounts_;
};

}  // namespace satgate::ledger
