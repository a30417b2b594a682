// The steps of a Passage that sell calls of MCP tools: what of a sale is other than for a path.
#include <fmt/format.h>

#include <array>

#include "flow/passage.h"
#include "flow/refusal_text.h"
#include "token/caveat.h"

namespace satgate::flow {
namespace {

Result<std::string> tool_caveat(const Call& call) {
  return token::list_caveat(CaveatKey::tools, std::array{std::string(call.tool)});
}

}  // namespace

bool Passage::add_tool_caveats(Product& sold) const {
  auto tool = tool_caveat(call_);
  auto server = token::name_caveat(CaveatKey::upstream, call_.upstream);
  if (!tool || !server) return false;
  sold.caveats.push_back(std::move(*tool));
  sold.caveats.push_back(std::move(*server));
  return true;
}

// The caveat alone would also cover a tool that is listed under that name, and, where tool and
// server have one name, all of the server.
bool Passage::is_of_this_tool() const {
  if (record_->caveats.empty()) return false;
  const auto tool = tool_caveat(call_);
  return tool && record_->caveats.front() == *tool;
}

// What nobody may call so is not sold: the buyer would be refused.
bool Passage::may_be_called() {
  std::optional<Denial> before = std::exchange(denial_, std::nullopt);
  judge_tool();
  if (denial_) return false;
  denial_ = std::move(before);
  return true;
}

}  // namespace satgate::flow
