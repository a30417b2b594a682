// The children of `mint` whose budget may still lie outside their parents'. It goes back when a
// child ends: by its own expiry or an ancestor's, and by the revocation of any point above it. One
// thread: the admin loop.
#pragma once

#include <vector>

#include "base/time.h"
#include "contract/records.h"
#include "contract/verified_token.h"
#include "store/bank.h"
#include "store/directory.h"

namespace satgate::console {

class CarvedChildren {
 public:
  explicit CarvedChildren(store::Bank& bank) : bank_(bank) {}

  // Finds the children of earlier runs. A carve that no record claims is returned, with an event:
  // the gateway died while the child was minted, and nobody ever had its token.
  Result<void> load(Time now);
  // A child that was just minted.
  void add(const TokenRecord& record, const TokenChain& chain);
  // Returns what the children that have ended by `now` neither spent nor hold.
  void return_ended(Time now);

 private:
  struct Child {
    TokenId id;
    AccountId account;              // the carved one
    std::vector<AccountId> points;  // its own and those above it
  };
  bool has_ended(const Child& child, Time now) const;

  store::Bank& bank_;
  std::vector<Child> children_;
};

}  // namespace satgate::console
