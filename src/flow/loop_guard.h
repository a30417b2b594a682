// The loop guard: an agent that makes the very same call again and again is stuck, and each round
// costs money (docs/decisions/0021-loop-guard.md). It counts, for all threads together, how often
// one root token made the same call within a window that begins with the first of them.
//
// Memory is fixed: 65,536 calls are remembered, in sets of eight. Where a set is full, a call whose
// window is over makes room, else the least repeated one; of equals the token's own, then the one
// whose window ends first. So who floods the table with single calls loses sight of its own, and a
// loop that has begun stays. What is forgotten passes: the guard may miss a loop, never invent one.
// Caps are the ledger's.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/siphash.h"

namespace satgate::flow {

// loopGuard, policies.TOKENNAME.loopGuard
struct LoopRule {
  enum class Action : uint8_t { off, refuse, alert };
  uint32_t repeats = 20;  // so many of the same call pass in a window; the next one is a loop
  std::chrono::seconds window{60};
  Action action = Action::refuse;
};

struct LoopRules {
  LoopRule everywhere{.action = LoopRule::Action::off};
  std::map<std::string, LoopRule, std::less<>> tokens;  // by name of the root token

  const LoopRule& of(std::string_view token_name) const {
    const auto found = tokens.find(token_name);
    return found == tokens.end() ? everywhere : found->second;
  }
};

// A loop that passed, for whoever tells people.
struct LoopNotice {
  std::string token;
  std::string target;  // the tool, or the endpoint
  LoopRule rule;
};

class LoopGuard {
 public:
  // On a clock that never steps, so that no change of the wall clock opens or closes a window.
  using Instant = std::chrono::steady_clock::time_point;

  LoopGuard();

  // Begins the fingerprint of a call. The key is random for each process and the token is part of
  // what is hashed, so that no agent can make its calls look like another's.
  SipHash fingerprint(const TokenId& token) const;

  struct Count {
    uint32_t repeats = 1;             // this call included
    std::chrono::nanoseconds rest{};  // of the window
  };
  // Counts one call. One that comes late, because another thread was faster, counts in the window
  // that is open. Thread-safe.
  Count count(const TokenId& token, uint64_t fingerprint, std::chrono::nanoseconds window,
              Instant now);

  // Keeps it until it is taken; of a flood the first ones. Thread-safe.
  void notice(LoopNotice notice);
  std::vector<LoopNotice> take_notices();

 private:
  struct Entry {
    uint64_t fingerprint = 0;
    Instant ends;
    uint32_t repeats = 0;  // 0: free
    uint32_t owner = 0;    // of the token's id: to know its own, where a mistake does no harm
  };
  using Set = std::array<Entry, 8>;
  struct Shard {
    std::mutex mutex;
    std::vector<Set> sets;
  };
  static constexpr size_t kShards = 64;
  static constexpr size_t kSetsOfShard = 128;

  static Entry& place(Set& set, uint64_t fingerprint, uint32_t owner, Instant now);

  const SipKey key_;
  std::array<Shard, kShards> shards_;
  std::mutex notices_mutex_;
  std::vector<LoopNotice> notices_;
};

}  // namespace satgate::flow
