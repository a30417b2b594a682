// What a caller may see: the tools its token may call, at the price it would pay, and so on.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "contract/verified_token.h"
#include "dialect/mcp/reply.h"
#include "flow/conversation.h"
#include "flow/worker.h"

namespace satgate::flow::mcp {

// A call of this tool as the catalogue names it.
Call tool_call_of(const Settings& settings, const dialect::mcp::CatalogueEntry& entry,
                  const Call& base);
// A call of another governed method at a server. Prices, policies and caveats name it as they name
// tools, by the method: `resources/read`, `prompts/get`, `completion/complete`.
Call method_call_of(const Settings& settings, std::string_view server, std::string_view method,
                    const Call& base);

// What a call of a tool, or of another method, costs at most, and why; nothing: it has no price.
struct ListedPrice {
  Money most;
  std::string parts;  // see Listed
};
std::optional<ListedPrice> listed_price(const Settings& settings, const Call& call,
                                        std::string_view token_name);

// A part of a list, by name.
struct Page {
  std::string_view after;  // begins behind this name; empty: with the first
  size_t most = std::numeric_limits<size_t>::max();
};

// Tools in the order of the catalogue. Entries point into `catalogue`.
std::vector<dialect::mcp::Listed> visible_tools(Worker& worker, const Settings& settings,
                                                const dialect::mcp::Catalogue& catalogue,
                                                const Credential& credential, const Call& base,
                                                const Page& page);

// Of prompts, resources or templates: those of servers where the caller may use `method`.
std::vector<dialect::mcp::Listed> visible_items(Worker& worker, const Settings& settings,
                                                std::span<const dialect::mcp::CatalogueItem> items,
                                                std::string_view method,
                                                const Credential& credential, const Call& base,
                                                const Page& page);

// Whether the caller may read resources of this server.
bool may_read(Worker& worker, const Settings& settings, std::string_view server,
              const Credential& credential, const Call& base);

}  // namespace satgate::flow::mcp
