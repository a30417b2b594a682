#include "flow/batch_call.h"

#include "dialect/anthropic/batches.h"

namespace satgate::flow {

// Who asks again and again whether it is done is in no loop.
net::Task<bool> BatchCall::add_content(SipHash&) {
  co_return false;
}

std::optional<std::string_view> BatchCall::change(std::string& answer) {
  std::string_view path = call_.endpoint;
  constexpr std::string_view cancel = "/cancel";
  if (path.ends_with(cancel)) path.remove_suffix(cancel.size());
  auto changed = dialect::anthropic::with_results_at(answer, path);
  if (!changed) return "What the upstream says of the batch can not be read.";
  answer = std::move(*changed);
  return std::nullopt;
}

}  // namespace satgate::flow
