#include "flow/mcp/visibility.h"

#include "token/verifier.h"

namespace satgate::flow::mcp {

namespace dm = dialect::mcp;

Call tool_call_of(const Settings& settings, const dm::CatalogueEntry& entry, const Call& base) {
  Call call = base;
  call.protocol = Protocol::mcp;
  call.mode = settings.mcp_mode(entry.server);
  call.method = {};
  call.endpoint = {};
  call.query = {};
  call.route = "mcp";
  call.upstream = entry.server;
  call.tool = entry.tool.name;
  call.listed_tool = entry.listed_name;
  return call;
}

std::vector<dm::ListedTool> visible_tools(Worker& worker, const Settings& settings,
                                          const dm::Catalogue& catalogue,
                                          const Credential& credential, const Call& base) {
  std::optional<VerifiedToken> token;
  std::shared_ptr<const TokenRecord> record;
  // Of a record that can not be read nothing is shown: its calls would be refused.
  const Result<Credential> acting = worker.as_token(credential, settings);
  if (acting && acting->kind == Credential::Kind::token) {
    if (auto verified = worker.verifier.verify(acting->text)) {
      record = worker.gateway.bank.directory().token(verified->token()).value_or(nullptr);
      token.emplace(std::move(*verified));
    }
  }
  std::vector<dm::ListedTool> visible;
  for (const dm::CatalogueEntry& entry : catalogue.entries()) {
    const Call call = tool_call_of(settings, entry, base);
    const bool observing = call.mode == Mode::observe;
    if (!observing && (!token || !record)) continue;
    if (!observing && token::permits(*token, call, settings.audiences)) continue;
    const std::string_view name = record ? std::string_view(record->name) : "anonymous";
    const auto price =
        settings.tariff->price_of(entry.server, entry.tool.name, entry.listed_name, name);
    // Without a price it could only be refused.
    if (!price && !observing) continue;
    visible.push_back({&entry, price});
  }
  return visible;
}

}  // namespace satgate::flow::mcp
