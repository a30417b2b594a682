#include "flow/mcp/visibility.h"

#include <algorithm>
#include <utility>

#include "base/json_out.h"
#include "flow/caller.h"
#include "flow/mcp/agent_tools.h"
#include "flow/mcp/budget_view.h"
#include "flow/price_json.h"
#include "flow/sale_terms.h"

namespace satgate::flow::mcp {

namespace dm = dialect::mcp;

Call method_call_of(const Settings& settings, std::string_view server, std::string_view method,
                    const Call& base) {
  Call call = base;
  call.protocol = Protocol::mcp;
  call.mode = settings.mcp_mode(server);
  call.method = {};
  call.endpoint = {};
  call.query = {};
  call.route = "mcp";
  call.upstream = server;
  call.tool = method;
  call.listed_tool = method;
  call.only_reads = true;  // what is no tool can only be read
  call.is_held = false;
  return call;
}

Call tool_call_of(const Settings& settings, const dm::CatalogueEntry& entry, const Call& base) {
  Call call = method_call_of(settings, entry.server, entry.tool.name, base);
  call.listed_tool = entry.listed_name;
  call.only_reads = entry.tool.only_reads;
  call.is_held = entry.is_held;
  return call;
}

std::optional<ListedPrice> listed_price(const Settings& settings, const Call& call,
                                        std::string_view token_name) {
  const auto offer = settings.tariff->offer_of_tool(call, token_name);
  if (!offer) return std::nullopt;
  ListedPrice price{offer->cost, {}};
  if (offer->parts == nullptr && offer->terms == nullptr) return price;
  JsonOut json(price.parts);
  json.object();
  if (offer->parts) append_price_parts(json, *offer->parts);
  if (offer->terms) append_terms(json, *offer->terms);
  json.end();
  return price;
}

namespace {

// What a payment for such a call is, where it is for sale.
std::optional<dm::SatPrice> sats_of(Worker& worker, const Settings& settings, const Call& call) {
  if (call.mode != Mode::charge || !worker.gateway.paywall) return std::nullopt;
  const auto rate = worker.gateway.nano_per_sat(settings, call.at);
  const auto quote = settings.tariff->quote(call, kBuyer);
  if (!rate || !quote || !is_fixed(settings, call, *quote)) return std::nullopt;
  const auto terms = sale_terms(settings, call, *quote, *rate);
  if (!terms) return std::nullopt;
  return dm::SatPrice{terms->sats, terms->calls};
}

dm::Listed listed(const dm::Item& item, std::string_view name, std::optional<ListedPrice>& price) {
  dm::Listed line{&item, name, {}};
  if (!price) return line;
  line.price = price->most;
  line.price_parts = std::move(price->parts);
  return line;
}

// `items` are by listed name.
template <class T>
std::span<const T> behind(std::span<const T> items, std::string_view name) {
  return {std::ranges::upper_bound(items, name, {}, &T::listed_name), items.end()};
}

}  // namespace

std::vector<dm::Listed> visible_tools(Worker& worker, const Settings& settings,
                                      const dm::Catalogue& catalogue, const Credential& credential,
                                      const Call& base, const Page& page) {
  const Caller caller = caller_of(worker, settings, credential);
  const BudgetView budget(worker, settings, caller, base.at);
  std::vector<dm::Listed> visible;
  const auto rest = behind<dm::CatalogueEntry>(catalogue.entries(), page.after);
  visible.reserve(std::min(rest.size(), page.most));
  for (const dm::CatalogueEntry& entry : rest) {
    if (visible.size() == page.most) break;
    if (offers_agent_tool(settings, entry.listed_name)) continue;  // which answers in its place
    const Call call = tool_call_of(settings, entry, base);
    if (!caller.may_make(call, settings)) continue;
    auto price = listed_price(settings, call, caller.name());
    // Without a price it could only be refused.
    if ((!price || call.is_held) && call.mode != Mode::observe) continue;
    // Nobody sells what a person has to allow.
    if (caller.may_pay && settings.tariff->requires_approval(call, caller.name())) continue;
    visible.push_back(listed(entry.tool, entry.listed_name, price));
    visible.back().remaining = budget.left_for(call);
    visible.back().sats = sats_of(worker, settings, call);
  }
  return visible;
}

std::vector<dm::Listed> visible_items(Worker& worker, const Settings& settings,
                                      std::span<const dm::CatalogueItem> items,
                                      std::string_view method, const Credential& credential,
                                      const Call& base, const Page& page) {
  const Caller caller = caller_of(worker, settings, credential);
  const BudgetView budget(worker, settings, caller, base.at);
  std::vector<dm::Listed> visible;
  for (const dm::CatalogueItem& each : behind(items, page.after)) {
    if (visible.size() == page.most) break;
    const Call call = method_call_of(settings, each.server, method, base);
    if (!caller.may_make(call, settings)) continue;
    auto price = listed_price(settings, call, caller.name());
    if (!price && call.mode != Mode::observe) continue;
    visible.push_back(listed(each.item, each.listed_name, price));
    visible.back().remaining = budget.left_for(call);
    visible.back().sats = sats_of(worker, settings, call);
  }
  return visible;
}

bool may_read(Worker& worker, const Settings& settings, std::string_view server,
              const Credential& credential, const Call& base) {
  const Caller caller = caller_of(worker, settings, credential);
  const Call call = method_call_of(settings, server, "resources/read", base);
  // To be told of changes is not for sale.
  if (caller.may_pay && call.mode == Mode::charge) return false;
  return caller.may_make(call, settings);
}

}  // namespace satgate::flow::mcp
