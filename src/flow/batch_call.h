// GET /v1/messages/batches/ID and POST .../ID/cancel: a batch as its provider describes it, with
// its results where the batch itself is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "flow/whole_call.h"

namespace satgate::flow {

class BatchCall final : public WholeCall {
 public:
  using WholeCall::WholeCall;

  net::Task<bool> add_content(SipHash& fingerprint) override;

 private:
  std::optional<std::string_view> change(std::string& answer) override;
};

}  // namespace satgate::flow
