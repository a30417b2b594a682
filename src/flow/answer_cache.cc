#include "flow/answer_cache.h"

#include <algorithm>
#include <cstring>

namespace satgate::flow {
namespace {

// What an entry takes beside its texts, roughly.
constexpr size_t kEntryBytes = 256;

size_t size_of(const CachedAnswer& answer) {
  return kEntryBytes + answer.content_type.size() + answer.body.size();
}

}  // namespace

bool CacheRules::covers(std::string_view upstream) const {
  return upstreams.empty() || std::ranges::find(upstreams, upstream) != upstreams.end();
}

size_t AnswerCache::FirstBytes::operator()(const Hash256& key) const {
  size_t first = 0;
  std::memcpy(&first, key.data(), sizeof first);
  return first;
}

std::shared_ptr<const CachedAnswer> AnswerCache::find(const Hash256& key, std::chrono::seconds ttl,
                                                      Instant now) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  if (found->second->answer->made + ttl <= now) {
    drop(found->second);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  return entries_.front().answer;
}

void AnswerCache::put(const Hash256& key, std::shared_ptr<const CachedAnswer> answer,
                      size_t bytes_max) {
  const size_t size = size_of(*answer);
  const std::lock_guard lock(mutex_);
  if (const auto found = by_key_.find(key); found != by_key_.end()) drop(found->second);
  make_room(size, bytes_max);
  if (size > bytes_max) return;
  entries_.push_front({key, std::move(answer)});
  by_key_.emplace(key, entries_.begin());
  bytes_ += size;
}

void AnswerCache::drop(Entries::iterator entry) {
  bytes_ -= size_of(*entry->answer);
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

void AnswerCache::make_room(size_t size, size_t bytes_max) {
  while (!entries_.empty() && bytes_ + size > bytes_max)
    drop(std::prev(entries_.end()));
}

void AnswerCache::trim(size_t bytes_max) {
  const std::lock_guard lock(mutex_);
  make_room(0, bytes_max);
}

size_t AnswerCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace satgate::flow
