// Making tokens. Minting needs a root key; attenuating needs only the token, so it works offline.
//
// Identifier of a minted token: `sg1.<key id>.<token id, 32 hex digits>`; location `satgate`.
//
//   TRY_ASSIGN(const std::string root, mint(keyring, random_id<TokenId>(), caveats));
//   TRY_ASSIGN(const std::string child, attenuate(root, narrower));
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/money.h"
#include "base/result.h"
#include "contract/verified_token.h"
#include "token/keyring.h"

namespace satgate::token {

// What stands in an identifier. Nothing: not an identifier of ours.
struct Identity {
  std::string_view key_id;
  TokenId token;
};
std::optional<Identity> parse_identity(std::string_view identifier);

// The text of a new root token, signed by the active key. Caveats are checked by parse_caveat
// first: a token that would be refused is not made.
Result<std::string> mint(const Keyring& keyring, const TokenId& id,
                         std::span<const std::string> caveats, const Currency& currency = {});

// The same with any key. What was minted before comes out as it was then, byte for byte.
Result<std::string> mint(const Key& key, const TokenId& id, std::span<const std::string> caveats,
                         const Currency& currency = {});

// The text of `token` with more caveats. Budgets and rates are keyed by the caveat's place in the
// chain: the same caveats added twice to the same token give one and the same child and account;
// give children different `holder` caveats first to keep them apart.
Result<std::string> attenuate(std::string_view token, std::span<const std::string> caveats,
                              const Currency& currency = {});

// What anyone can read in a token without a key. Nothing here is proven.
struct Inspection {
  struct Line {
    std::string text;     // as signed
    std::string words;    // describe(), or empty
    std::string problem;  // why the gateway will refuse it, or empty
  };
  std::string identifier;  // printable: other bytes as \xNN
  std::string location;
  std::string key_id;             // empty: not an identifier of ours
  std::optional<TokenId> token;   // empty: not an identifier of ours
  std::optional<Sale> sale = {};  // of a paid token
  AccountId point;                // the token's own point, by which it can be revoked
  std::vector<Line> caveats;
};
Result<Inspection> inspect(std::string_view token, const Currency& currency = {});

}  // namespace satgate::token
