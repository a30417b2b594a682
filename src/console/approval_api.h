// Calls that wait for a person, and the person's answers.
#pragma once

#include <string_view>

#include "console/api.h"
#include "contract/approval.h"
#include "flow/gateway.h"

namespace satgate::console {

// As the API and the webhook tell it.
Json approval_json(const Approval& approval);

class ApprovalApi {
 public:
  explicit ApprovalApi(flow::Gateway& gateway) : gateway_(gateway) {}

  Reply list();
  Reply show(std::string_view id);
  // `body`: who decides, for the record; it is the word of who holds the admin token. And why, for
  // the record and the agent.
  Reply decide(std::string_view id, std::string_view verb, const Json& body);

 private:
  std::expected<Approval, ApiError> find(std::string_view id) const;
  std::expected<void, ApiError> note(const Approval& decided, std::string_view by);

  flow::Gateway& gateway_;
};

}  // namespace satgate::console
