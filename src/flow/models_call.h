// GET /v1/models and /v1/models/ID of an LLM provider: its own list, with what this caller may use
// and what that costs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "flow/caller.h"
#include "flow/whole_call.h"

namespace satgate::flow {

class ModelsCall final : public WholeCall {
 public:
  using WholeCall::WholeCall;

  net::Task<bool> add_content(SipHash& fingerprint) override;
  net::Task<> complete(const Settled& settled) override;

 private:
  std::optional<std::string_view> change(std::string& answer) override;
  std::optional<std::string> price_of(const Caller& caller, std::string_view model) const;
  Protocol protocol() const;
};

}  // namespace satgate::flow
