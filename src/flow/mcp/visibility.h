// Which tools a caller may see: those its token may call, at the price it would pay.
#pragma once

#include <optional>
#include <vector>

#include "contract/verified_token.h"
#include "dialect/mcp/reply.h"
#include "flow/conversation.h"
#include "flow/worker.h"

namespace satgate::flow::mcp {

// A call of this tool as the catalogue names it.
Call tool_call_of(const Settings& settings, const dialect::mcp::CatalogueEntry& entry,
                  const Call& base);

// Tools in the order of the catalogue. Entries point into `catalogue`.
std::vector<dialect::mcp::ListedTool> visible_tools(Worker& worker, const Settings& settings,
                                                    const dialect::mcp::Catalogue& catalogue,
                                                    const Credential& credential, const Call& base);

}  // namespace satgate::flow::mcp
