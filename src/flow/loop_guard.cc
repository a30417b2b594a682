#include "flow/loop_guard.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <tuple>
#include <utility>

namespace satgate::flow {

LoopGuard::LoopGuard() : key_(SipKey::random()) {
  for (Shard& shard : shards_)
    shard.sets.resize(kSetsOfShard);
}

SipHash LoopGuard::fingerprint(const TokenId& token) const {
  SipHash hash(key_);
  hash.update(token.view());
  return hash;
}

// The entry of this call, or the one that is missed the least, cleared for it.
LoopGuard::Entry& LoopGuard::place(Set& set, uint64_t fingerprint, uint32_t owner, Instant now) {
  const auto known = std::ranges::find_if(set, [&](const Entry& entry) {
    return entry.repeats > 0 && entry.fingerprint == fingerprint;
  });
  if (known != set.end()) return *known;
  const auto worth = [&](const Entry& entry) {
    const uint32_t repeats = entry.ends <= now ? 0 : entry.repeats;
    return std::tuple(repeats, entry.owner != owner, entry.ends);
  };
  Entry& entry = *std::ranges::min_element(set, {}, worth);
  entry = Entry{.fingerprint = fingerprint, .ends = {}, .repeats = 0, .owner = owner};
  return entry;
}

LoopGuard::Count LoopGuard::count(const TokenId& token, uint64_t fingerprint,
                                  std::chrono::nanoseconds window, Instant now) {
  uint32_t owner = 0;
  std::memcpy(&owner, token.bytes.data(), sizeof owner);
  Shard& shard = shards_[fingerprint % kShards];
  const std::lock_guard lock(shard.mutex);
  Set& set = shard.sets[fingerprint / kShards % kSetsOfShard];
  Entry& entry = place(set, fingerprint, owner, now);
  if (entry.repeats == 0 || entry.ends <= now) {
    entry.ends = now + window;
    entry.repeats = 0;
  }
  if (entry.repeats < std::numeric_limits<uint32_t>::max()) ++entry.repeats;
  return {entry.repeats, entry.ends - now};
}

void LoopGuard::notice(LoopNotice notice) {
  constexpr size_t kNoticesMax = 64;
  const std::lock_guard lock(notices_mutex_);
  if (notices_.size() < kNoticesMax) notices_.push_back(std::move(notice));
}

std::vector<LoopNotice> LoopGuard::take_notices() {
  const std::lock_guard lock(notices_mutex_);
  return std::exchange(notices_, {});
}

}  // namespace satgate::flow
