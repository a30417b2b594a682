// Verifier: the only maker of a VerifiedToken (Law 2, "authority only narrows").
//
// verify() proves what the HMAC chain alone can prove, and that is what it caches. Whatever depends
// on the time, the call or a revocation is judged afresh on every call:
//
//   auto token = verifier.verify(credential);      // token_malformed | token_invalid |
//                                                  // depth_exceeded
//   judge_revocation(*token, is_token, is_point);  // token_revoked
//   judge_time(*token, now);                       // token_expired
//   permits(*token, call, audiences);              // audience_, endpoint_, tool_, model_denied
//
// Lineage. The point after a caveat is named account_id("satgate-lineage", signature there), a
// one-way image; raw intermediate signatures are credentials and are dropped. Each budget_* and
// rate_limit caveat opens account_id("lineage", point after it). A harmless caveat appended later
// changes no earlier point, so it opens no fresh balance and escapes no revocation.
//
// Depth. After `max_depth = N` at most N delegation levels may follow, where levels is the larger
// of the number of `holder` and the number of `budget_max` caveats after it. Every max_depth
// counts. Such a token never verifies, whatever else is true of it.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/money.h"
#include "base/siphash.h"
#include "contract/call.h"
#include "contract/refusal.h"
#include "contract/verified_token.h"
#include "token/keyring.h"

namespace satgate::token {

// Not thread-safe: one instance a loop. The cache is set-associative and each set has its share of
// memory, so neither that nor the time of a look-up can be driven up by whoever makes many tokens,
// or large ones. A hit allocates nothing.
class Verifier {
 public:
  static constexpr size_t ways = 4;
  static constexpr size_t set_bytes_max = 8 * 1024;  // a larger chain is proven at each call

  // `cache_entries` is rounded up to a power of two, at least `ways`.
  explicit Verifier(std::shared_ptr<const Keyring> keyring, const Currency& currency = {},
                    size_t cache_entries = 32 * 1024);

  // `credential` is the token in any text form of macaroon_from_text. `why`, if given, receives a
  // sentence for logs and `token inspect`; it never contains the credential.
  //   token_malformed  the bytes are not a macaroon V2
  //   token_invalid    not minted here, retired key, wrong signature, unknown, ill-formed or
  //                    third-party caveat
  //   depth_exceeded   see above
  std::expected<VerifiedToken, Refusal> verify(std::string_view credential,
                                               std::string* why = nullptr);

  // After a rotation or retirement. Forgets everything that was verified before.
  void set_keyring(std::shared_ptr<const Keyring> keyring);

  uint64_t hits() const { return hits_; }

 private:
  struct Entry {
    uint64_t hash = 0;
    std::string credential;
    std::shared_ptr<const TokenChain> chain;
    size_t bytes = 0;  // what it takes, about
    uint64_t used = 0;
  };

  std::expected<std::shared_ptr<const TokenChain>, Refusal> prove(std::string_view credential,
                                                                  std::string& why) const;
  uint64_t hash_of(std::string_view credential) const;
  static void keep(std::span<Entry> set, Entry entry);

  std::shared_ptr<const Keyring> keyring_;
  Currency currency_;
  SipKey key_ = SipKey::random();  // of hash_of(): nobody can fill one set on purpose
  std::vector<Entry> entries_;
  uint64_t clock_ = 0;  // counts look-ups, for least-recently-used
  uint64_t hits_ = 0;
};

// A token is good before, and not at, the earliest of its `expires`.
std::optional<Refusal> judge_time(const VerifiedToken& token, Time now);
std::optional<Time> expires_at(const VerifiedToken& token);

// `token_revoked(TokenId)` and `point_revoked(AccountId)` answer from the store's view. Revoking a
// point revokes everything below it, because every descendant carries the point.
template <class TokenRevoked, class PointRevoked>
std::optional<Refusal> judge_revocation(const VerifiedToken& token,
                                        const TokenRevoked& token_revoked,
                                        const PointRevoked& point_revoked) {
  if (token_revoked(token.token())) return Refusal::token_revoked;
  for (const AccountId& point : token.chain().points) {
    if (point_revoked(point)) return Refusal::token_revoked;
  }
  return std::nullopt;
}

// Whether all caveats cover this call; if several do not, the refusal of highest precedence.
//
// A caveat limits the whole token to calls it can be checked against (fail closed):
//   endpoints, methods  a call without an endpoint or method (MCP) is endpoint_denied
//   upstream            any call; exact name, else endpoint_denied
//   tools               a call without a tool (HTTP, LLM) is tool_denied. An item covers the tool's
//                       own name or its listed name, as a pattern; or a whole MCP server
//                       (Call.upstream), by its exact name only. Servers choose the names of their
//                       tools: add `upstream` where a foreign server could choose one of yours
//   tools_deny          forbids by the same three names, all as patterns; a call without a tool is
//                       not a tool: holds
//   models              a call without a model is model_denied
//   audience            `audiences` is what this gateway answers to; empty: it does not partition
//                       by audience and the caveat holds. Else one item must be in it
// Judge what spends with it. Session housekeeping (MCP initialize, ping, tools/list; GET
// /v1/models) names no tool or model: the caller answers it by filtering its list with permits().
std::optional<Refusal> permits(const VerifiedToken& token, const Call& call,
                               std::span<const std::string> audiences = {});

// The most one call may cost: the smallest call_max.
std::optional<Money> call_max(const VerifiedToken& token);

// Labels for reports. The first value of a name wins: a child cannot relabel what its ancestor set.
std::optional<std::string_view> label(const VerifiedToken& token, std::string_view name);
// Calls `use(name, value)` for each label caveat. Whoever keeps them lets the first of a name win.
template <class Use>
void each_label(const VerifiedToken& token, const Use& use) {
  for (const Caveat& caveat : token.chain().caveats) {
    if (caveat.key == CaveatKey::label) {
      use(std::string_view(caveat.name), std::string_view(caveat.items.front()));
    }
  }
}

}  // namespace satgate::token
