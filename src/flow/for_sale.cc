#include "flow/for_sale.h"

#include <algorithm>

#include "base/text.h"
#include "flow/mcp/agent_tools.h"
#include "flow/mcp/visibility.h"
#include "flow/router.h"

namespace satgate::flow {
namespace {

constexpr std::string_view kAnyMethod = "*";

class Listing {
 public:
  Listing(const Settings& settings, std::optional<int64_t> nano_per_sat)
      : settings_(settings), nano_per_sat_(nano_per_sat), prices_(settings.tariff->listing()) {}

  void add_routes() {
    for (const Route& route : settings_.routes) {
      if (route.mode != Mode::charge || route.serves_stored) continue;
      add_path(route, route.path);
      for (const tariff::Offer& offer : prices_) {
        if (offer.kind != Alternative::Kind::endpoint || offer.name == route.path) continue;
        if (glob_match(route.path, offer.name)) add_path(route, offer.name);
      }
    }
  }

  void add_tools(const dialect::mcp::Catalogue& catalogue) {
    for (const dialect::mcp::CatalogueEntry& entry : catalogue.entries()) {
      const Call call = mcp::tool_call_of(settings_, entry, Call());
      const bool is_open = call.mode == Mode::charge && !call.is_held;
      if (is_open && !mcp::offers_agent_tool(settings_, entry.listed_name)) add_tool(entry, call);
    }
  }

  std::vector<ForSale> take() { return std::move(found_); }

 private:
  void add_path(const Route& route, std::string_view path) {
    if (route.methods.empty()) return add_method(route, path, kAnyMethod);
    for (const std::string& method : route.methods)
      add_method(route, path, method);
  }

  // Another route may come first.
  bool leads_to(const Route& route, std::string_view path, std::string_view method) const {
    if (method != kAnyMethod) return find_route(settings_, method, path) == &route;
    return find_route(settings_, "GET", path) == &route ||
           find_route(settings_, "POST", path) == &route;
  }

  void add_method(const Route& route, std::string_view path, std::string_view method) {
    if (!leads_to(route, path, method)) return;
    ForSale one{route.name, method, path, {}, {}, false, {}};
    if (route.api) {
      one.by_usage = true;
      found_.push_back(one);
      return;
    }
    Call call;
    call.mode = route.mode;
    call.protocol = route.protocol;
    call.route = route.name;
    call.upstream = settings_.upstreams[route.upstream].name;
    call.method = method;
    call.endpoint = path;
    call.unbounded = route.unbounded;
    call.lists_models = route.lists_models;
    const auto quote = settings_.tariff->quote(call, kBuyer);
    if (quote) add_quoted(one, call, *quote);
  }

  void add_quoted(ForSale one, const Call& call, const Quote& quote) {
    one.cost = quote.worst();
    one.by_usage = !is_fixed(settings_, call, quote);
    if (!one.by_usage && nano_per_sat_) {
      one.terms = sale_terms(settings_, call, quote, *nano_per_sat_);
    }
    found_.push_back(one);
  }

  void add_tool(const dialect::mcp::CatalogueEntry& entry, const Call& call) {
    const auto offer = settings_.tariff->offer_of_tool(call, kBuyer);
    if (!offer || settings_.tariff->requires_approval(call, kBuyer)) return;
    ForSale one{entry.server, "POST", "/mcp", entry.listed_name, {}, false, {}};
    const auto quote = settings_.tariff->quote(call, kBuyer);
    if (quote && offer->parts == nullptr) return add_quoted(one, call, *quote);
    one.cost = offer->cost;
    one.by_usage = true;
    found_.push_back(one);
  }

  const Settings& settings_;
  const std::optional<int64_t> nano_per_sat_;
  const std::vector<tariff::Offer> prices_;
  std::vector<ForSale> found_;
};

}  // namespace

std::vector<ForSale> list_for_sale(const Settings& settings,
                                   const dialect::mcp::Catalogue* catalogue,
                                   std::optional<int64_t> nano_per_sat) {
  Listing listing(settings, nano_per_sat);
  listing.add_routes();
  if (catalogue != nullptr) listing.add_tools(*catalogue);
  return listing.take();
}

}  // namespace satgate::flow
