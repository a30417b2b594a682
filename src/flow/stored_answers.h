// Who made the answers that lie at providers: responses that were stored, batches. The gateway has
// the provider's key, with which anybody could read anybody's. In memory alone, as digests, bounded
// in number: what was made longest ago is forgotten first, and a restart forgets everything.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/crypto.h"
#include "base/ids.h"
#include "base/limits.h"

namespace satgate::flow {

// Thread-safe.
class StoredAnswers {
 public:
  // The points of a token, from the minted one down to the one that made the call.
  using Lineage = std::span<const AccountId>;

  explicit StoredAnswers(size_t marks_max = limits::stored_answers_max) : marks_max_(marks_max) {}

  // Made by the last point of the lineage. All points above it may read it and end it, too.
  void add(std::string_view id, std::string_view upstream, Lineage maker);
  // Shown to it, from the response cache: it may go on from there.
  void add_reader(std::string_view id, std::string_view upstream, Lineage reader);

  // The upstream where it lies, if who stands at this point made it, or is above who did.
  std::optional<std::string> find(std::string_view id, const AccountId& point) const;
  // False: it is known that somebody else made it.
  bool may_continue(std::string_view id, const AccountId& point) const;
  size_t size() const;

 private:
  enum class Mark : char { exists, made, shown };
  struct FirstBytes {  // the key is a digest
    size_t operator()(const Hash256& key) const;
  };
  static Hash256 key_of(Mark mark, std::string_view id, const AccountId& point);
  void mark(Mark mark, std::string_view id, std::string_view upstream, Lineage lineage);
  void put(const Hash256& key, std::string_view upstream);

  const size_t marks_max_;
  mutable std::mutex mutex_;
  std::unordered_map<Hash256, std::string, FirstBytes> upstreams_;
  std::deque<Hash256> oldest_first_;
};

}  // namespace satgate::flow
