#include "store/token_cache.h"

#include <utility>

namespace satgate::store {

std::shared_ptr<const TokenRecord> TokenCache::find(const TokenId& id) const {
  const auto found = records_.find(id);
  return found == records_.end() ? nullptr : found->second;
}

std::shared_ptr<const TokenRecord> TokenCache::find(std::string_view name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : find(found->second);
}

void TokenCache::put(std::shared_ptr<const TokenRecord> record) {
  const auto [slot, is_new] = records_.try_emplace(record->id);
  if (is_new) {
    order_.push_back(record->id);
  } else {
    drop_name(*slot->second);
  }
  names_[record->name] = record->id;
  slot->second = std::move(record);
  if (records_.size() <= most_) return;
  const auto oldest = records_.find(order_.front());
  order_.pop_front();
  drop_name(*oldest->second);
  records_.erase(oldest);
}

// The name may belong to another token by now.
void TokenCache::drop_name(const TokenRecord& record) {
  const auto named = names_.find(record.name);
  if (named != names_.end() && named->second == record.id) names_.erase(named);
}

}  // namespace satgate::store
