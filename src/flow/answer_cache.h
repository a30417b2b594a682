// The response cache: whole answers of LLM calls by an exact digest of who asked whom for what. In
// memory alone, bounded in bytes, the least recently used goes first. Prompts are not kept, only
// digests of them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/crypto.h"
#include "base/money.h"
#include "tariff/policy.h"

namespace satgate::flow {

// cache
struct CacheRules {
  using Scope = tariff::CacheScope;
  std::chrono::seconds ttl{0};
  size_t bytes_max = 64'000'000;  // of all answers together
  size_t answer_bytes_max = 1'000'000;
  int hit_percent = 0;  // the price of a hit, of what the answer did cost
  Scope scope = Scope::token;
  std::vector<std::string> upstreams;  // empty: every LLM provider

  bool covers(std::string_view upstream) const;
};

struct CachedAnswer {
  using Instant = std::chrono::steady_clock::time_point;
  std::string content_type;
  std::string body;  // a stream as it was sent, its events one after the other
  Money cost;
  Instant made;
  std::string stored_id = {};  // under which the provider keeps it; empty: it does not
};

// Thread-safe.
class AnswerCache {
 public:
  using Instant = CachedAnswer::Instant;

  // Null: there is none that is younger than `ttl`.
  std::shared_ptr<const CachedAnswer> find(const Hash256& key, std::chrono::seconds ttl,
                                           Instant now);
  void put(const Hash256& key, std::shared_ptr<const CachedAnswer> answer, size_t bytes_max);
  // Lets go of what is more than this.
  void trim(size_t bytes_max);
  size_t bytes() const;

 private:
  struct Entry {
    Hash256 key;
    std::shared_ptr<const CachedAnswer> answer;
  };
  using Entries = std::list<Entry>;  // the latest used first
  struct FirstBytes {                // the key is a digest
    size_t operator()(const Hash256& key) const;
  };
  void drop(Entries::iterator entry);
  void make_room(size_t size, size_t bytes_max);

  mutable std::mutex mutex_;
  Entries entries_;
  std::unordered_map<Hash256, Entries::iterator, FirstBytes> by_key_;
  size_t bytes_ = 0;
};

}  // namespace satgate::flow
