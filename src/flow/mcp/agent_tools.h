// The gateway's own tools, for agents that want to know what they may spend, and to hand a part of
// it down: `satgate.budget` and `satgate.delegate`. They are offered where `mcp.agentTools` says
// so, cost nothing, and give nobody more than the credential that calls them has.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/call.h"
#include "dialect/mcp/catalogue.h"
#include "dialect/mcp/version.h"
#include "flow/conversation.h"
#include "flow/worker.h"

namespace satgate::flow::mcp {

inline constexpr std::string_view kBudgetTool = "satgate.budget";
inline constexpr std::string_view kDelegateTool = "satgate.delegate";

// Those that these settings offer, as tools/list has them.
std::vector<const dialect::mcp::Item*> agent_tools(const Settings& settings);
bool offers_agent_tool(const Settings& settings, std::string_view name);

// What a call of one of them says.
struct AgentAnswer {
  std::string text;        // for the model
  std::string structured;  // raw JSON object, or empty
  bool is_error = false;
};

// A call of satgate.budget with these raw arguments, or none. `base` has the time.
AgentAnswer tell_budget(Worker& worker, const Settings& settings,
                        const dialect::mcp::Catalogue& catalogue, const Credential& credential,
                        const Call& base, std::string_view arguments);
// A child of the token that the caller holds, narrowed as the arguments say; nothing is written.
AgentAnswer delegate(const Settings& settings, const Credential& credential, const Call& base,
                     std::string_view arguments);

void append_agent_answer(std::string& out, const AgentAnswer& answer, dialect::mcp::Era era);

}  // namespace satgate::flow::mcp
