// Who gets a part of what a call costs.
#include "tariff/tables.h"
#include "tariff/tariff.h"

namespace satgate::tariff {
namespace {

// Null: no entry of a tool or a server says anything.
const Shares* of_tool(const Tables& tables, const Call& call, std::string_view token_name) {
  NameBuffer buffer;
  const auto names = buffer.names(call.upstream, call.tool, call.listed_tool);
  if (!names) return nullptr;
  const TokenRules* token = tables.find_token(token_name);
  for (const ToolTable* table : {token ? &token->tools : nullptr, &tables.tools}) {
    const ToolRule* rule = table ? table->look_up(*names).shared : nullptr;
    if (rule) return &*rule->policy.share;
  }
  const ServerRule* server = tables.find_server(call);
  return server && server->policy.share ? &*server->policy.share : nullptr;
}

// A pattern rules HTTP calls alone, as its price does.
const Shares* of_path(const Tables& tables, const Call& call) {
  if (call.protocol == Protocol::http) {
    const EndpointRule* rule = tables.find_endpoint(call.endpoint);
    return rule && rule->share ? &*rule->share : nullptr;
  }
  const auto exact = tables.endpoints.find(call.endpoint);
  return exact != tables.endpoints.end() && exact->second.share ? &*exact->second.share : nullptr;
}

}  // namespace

std::span<const Share> Tariff::shares_of(const Call& call, std::string_view token_name) const {
  if (!tables_->has_shares) return {};
  const Shares* shares = call.protocol == Protocol::mcp ? of_tool(*tables_, call, token_name)
                                                        : of_path(*tables_, call);
  if (shares) return *shares;
  const auto route = tables_->route_shares.find(call.route);
  if (route == tables_->route_shares.end()) return {};
  return route->second;
}

}  // namespace satgate::tariff
