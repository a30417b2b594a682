// The token records that calls have asked for lately, by id and by name. Bounded: the record that
// came first goes first. Not thread-safe.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "contract/records.h"

namespace satgate::store {

class TokenCache {
 public:
  explicit TokenCache(size_t most) : most_(most) {}

  std::shared_ptr<const TokenRecord> find(const TokenId& id) const;
  std::shared_ptr<const TokenRecord> find(std::string_view name) const;
  // Adds it, or puts it in the place of what is known under its id.
  void put(std::shared_ptr<const TokenRecord> record);
  size_t size() const { return records_.size(); }

 private:
  void drop_name(const TokenRecord& record);

  const size_t most_;
  std::unordered_map<TokenId, std::shared_ptr<const TokenRecord>> records_;
  std::map<std::string, TokenId, std::less<>> names_;
  std::deque<TokenId> order_;  // each id of records_ once, the oldest in front
};

}  // namespace satgate::store
