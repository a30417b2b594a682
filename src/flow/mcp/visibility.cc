#include "flow/mcp/visibility.h"

#include "flow/caller.h"

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
  const Caller caller = caller_of(worker, settings, credential);
  std::vector<dm::ListedTool> visible;
  for (const dm::CatalogueEntry& entry : catalogue.entries()) {
    const Call call = tool_call_of(settings, entry, base);
    if (!caller.may_make(call, settings)) continue;
    const auto price =
        settings.tariff->price_of(entry.server, entry.tool.name, entry.listed_name, caller.name());
    // Without a price it could only be refused.
    if (!price && call.mode != Mode::observe) continue;
    visible.push_back({&entry, price});
  }
  return visible;
}

}  // namespace satgate::flow::mcp
