// Who asks, where nothing is decided about a call yet: for lists of what a token may use.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "contract/call.h"
#include "contract/records.h"
#include "contract/verified_token.h"
#include "flow/conversation.h"
#include "flow/worker.h"

namespace satgate::flow {

struct Caller {
  std::optional<VerifiedToken> token;
  std::shared_ptr<const TokenRecord> record;
  bool may_pay = false;  // nobody that is known here, and things are sold

  std::string_view name() const;
  // Whether the caveats cover it. Without a token only observe lets a call pass; what is for sale
  // is shown to whoever may buy it.
  bool may_make(const Call& call, const Settings& settings) const;
};

// Of a record that can not be read nothing is to be seen: its calls would be refused.
Caller caller_of(Worker& worker, const Settings& settings, const Credential& credential);

}  // namespace satgate::flow
