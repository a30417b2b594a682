#include "flow/stored_answers.h"

#include <cstring>

namespace satgate::flow {
namespace {

std::string_view bytes_of(const AccountId& point) {
  return {reinterpret_cast<const char*>(point.bytes.data()), point.bytes.size()};
}

}  // namespace

size_t StoredAnswers::FirstBytes::operator()(const Hash256& key) const {
  size_t first = 0;
  std::memcpy(&first, key.data(), sizeof first);
  return first;
}

// The id comes last: all before it has a fixed size.
Hash256 StoredAnswers::key_of(Mark mark, std::string_view id, const AccountId& point) {
  const char kind = static_cast<char>(mark);
  return Sha256().update({&kind, 1}).update(bytes_of(point)).update(id).finish();
}

void StoredAnswers::add(std::string_view id, std::string_view upstream, Lineage maker) {
  mark(Mark::made, id, upstream, maker);
}

void StoredAnswers::add_reader(std::string_view id, std::string_view upstream, Lineage reader) {
  mark(Mark::shown, id, upstream, reader);
}

// A mark for each point that may, so that asking is one look-up, however long a lineage is.
void StoredAnswers::mark(Mark mark, std::string_view id, std::string_view upstream,
                         Lineage lineage) {
  if (id.empty() || lineage.empty()) return;
  const std::lock_guard lock(mutex_);
  put(key_of(Mark::exists, id, {}), upstream);
  for (const AccountId& point : lineage)
    put(key_of(mark, id, point), upstream);
}

void StoredAnswers::put(const Hash256& key, std::string_view upstream) {
  const auto [entry, is_new] = upstreams_.try_emplace(key);
  entry->second = upstream;
  if (!is_new) return;
  oldest_first_.push_back(key);
  if (oldest_first_.size() <= marks_max_) return;
  upstreams_.erase(oldest_first_.front());
  oldest_first_.pop_front();
}

std::optional<std::string> StoredAnswers::find(std::string_view id, const AccountId& point) const {
  const Hash256 key = key_of(Mark::made, id, point);
  const std::lock_guard lock(mutex_);
  const auto found = upstreams_.find(key);
  return found == upstreams_.end() ? std::nullopt : std::optional(found->second);
}

bool StoredAnswers::may_continue(std::string_view id, const AccountId& point) const {
  const Hash256 exists = key_of(Mark::exists, id, {});
  const Hash256 made = key_of(Mark::made, id, point);
  const Hash256 shown = key_of(Mark::shown, id, point);
  const std::lock_guard lock(mutex_);
  return upstreams_.contains(made) || upstreams_.contains(shown) || !upstreams_.contains(exists);
}

size_t StoredAnswers::size() const {
  const std::lock_guard lock(mutex_);
  return upstreams_.size();
}

}  // namespace satgate::flow
