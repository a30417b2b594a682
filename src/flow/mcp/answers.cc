// What the gateway says to MCP clients by itself: handshakes, lists, and what it has taken note of.
#include <fmt/format.h>

#include <algorithm>

#include "base/limits.h"
#include "dialect/mcp/handshake.h"
#include "dialect/mcp/page_cursor.h"
#include "flow/mcp/agent_tools.h"
#include "flow/mcp/endpoint.h"
#include "flow/mcp/visibility.h"

namespace satgate::flow::mcp {

namespace dm = dialect::mcp;

namespace {

bool is_list(std::string_view method) {
  return method == "tools/list" || method == "prompts/list" || method == "resources/list" ||
         method == "resources/templates/list";
}

// The name behind which the wanted page of a list begins; empty: with the first.
dm::RpcResult<std::string> position_of(const dm::Message& message, dm::RawJson& json) {
  const auto cursor = dm::read_string_member(message.params, "cursor", json);
  if (cursor && !cursor->has_value()) return {};
  auto after = cursor ? dm::read_page_cursor(message.method, **cursor) : std::nullopt;
  if (after) return std::move(*after);
  return std::unexpected(
      dm::RpcError{dm::kInvalidParams,
                   "Invalid params: cursor is none that this list gave; begin again without one",
                   {},
                   200});
}

// Each in its place.
void add_agent_tools(std::vector<dm::Listed>& items, const Settings& settings, const Page& page) {
  for (const dm::Item* own : agent_tools(settings)) {
    if (own->name <= page.after) continue;
    items.insert(std::ranges::upper_bound(items, own->name, {}, &dm::Listed::name),
                 {.item = own, .name = own->name, .price = Money()});
  }
  if (items.size() > page.most) items.resize(page.most);
}

}  // namespace

// Of what no server offers, nothing is offered.
dm::Capabilities Endpoint::capabilities(const Visit& visit) const {
  dm::Capabilities all = visit.hub->capabilities();
  all.tools = true;
  return all;
}

bool Endpoint::answer_at_once(Visit& visit, const dm::Message& message, dm::Era era) {
  const std::string_view method = message.method;
  std::string result;
  if (is_list(method)) {
    list(visit, message, era);
    return true;
  }
  if (method == "initialize" && era == dm::Era::legacy) {
    initialize(visit, message);
    return true;
  }
  if (method == "server/discover") {
    dm::append_discover_result(result, capabilities(visit), {.version = SATGATE_VERSION});
  } else if (method == "ping") {
    dm::append_empty_result(result, era);
  } else if (method == "logging/setLevel") {
    const auto level = dm::read_string_member(message.params, "level", visit.json);
    const std::string_view wanted = level ? level->value_or("") : "";
    if (!dm::log_rank(wanted)) {
      visit.answer_error(message.id, {dm::kInvalidParams, "Invalid params: level", {}, 200});
      return true;
    }
    if (visit.session) visit.session->set_log_level(wanted);
    dm::append_empty_result(result, era);
  } else {
    return false;
  }
  visit.answer_result(message.id, result);
  return true;
}

void Endpoint::initialize(Visit& visit, const dm::Message& message) {
  auto version = dm::read_string_member(message.params, "protocolVersion", visit.json);
  if (!version) return visit.answer_error(message.id, version.error());
  const std::string_view agreed = dm::negotiate(version->value_or(""));
  std::string abilities;
  const auto members = visit.json.members(message.params.empty() ? "{}" : message.params);
  if (members) {
    for (const dm::RawMember& member : *members) {
      if (member.key == "capabilities") abilities = member.value;
    }
  }
  if (abilities.size() > limits::mcp_capabilities_bytes_max) {
    return visit.answer_error(message.id,
                              {dm::kInvalidParams, "Invalid params: capabilities are too long"});
  }
  if (visit.over_sse) {
    visit.session->set_client(agreed, std::move(abilities));
  } else {
    const auto session = worker_.gateway.mcp_clients.sessions.open(
        visit.principal, std::string(agreed), std::move(abilities), visit.base.at);
    visit.session_id = session->id();
  }
  std::string result;
  dm::append_initialize_result(result, agreed, capabilities(visit), {.version = SATGATE_VERSION});
  visit.answer_result(message.id, result);
}

// Without a size the lists are whole: the catalogue is bounded. A cursor from before a reload is
// good for the rest.
void Endpoint::list(Visit& visit, const dm::Message& message, dm::Era era) {
  const auto after = position_of(message, visit.json);
  if (!after) return visit.answer_error(message.id, after.error());
  const std::optional<size_t> size = visit.settings->mcp_page_size;
  Page page{.after = *after};
  if (size) page.most = *size + 1;  // one more tells whether the list goes on
  const dm::Catalogue& all = *visit.catalogue;
  const auto visible = [&](std::span<const dm::CatalogueItem> items, std::string_view method) {
    return visible_items(worker_, *visit.settings, items, method, visit.credential, visit.base,
                         page);
  };
  std::string_view member;
  std::vector<dm::Listed> items;
  if (message.method == "tools/list") {
    member = "tools";
    items = visible_tools(worker_, *visit.settings, all, visit.credential, visit.base, page);
    add_agent_tools(items, *visit.settings, page);
  } else if (message.method == "prompts/list") {
    member = "prompts";
    items = visible(all.prompts(), "prompts/get");
  } else if (message.method == "resources/list") {
    member = "resources";
    items = visible(all.resources(), "resources/read");
  } else {
    member = "resourceTemplates";
    items = visible(all.templates(), "resources/read");
  }
  std::string next;
  if (size && items.size() > *size) {
    items.resize(*size);
    next = dm::page_cursor(message.method, items.back().name);
  }
  // In its place at once: it may be long.
  visit.begin_answer();
  dm::begin_result(visit.answers, message.id);
  dm::append_list(visit.answers, member, items, era, visit.settings->currency, next);
  visit.answers += '}';
}

// A call of one of the gateway's own tools: free, and no upstream hears of it.
bool Endpoint::answer_agent_tool(Visit& visit, const dm::Message& message, dm::Era era) {
  if (message.method != "tools/call" || agent_tools(*visit.settings).empty()) return false;
  const auto asked = dm::read_tool_call(message.params, visit.json);
  if (!asked || !offers_agent_tool(*visit.settings, asked->name)) return false;
  const AgentAnswer answer =
      asked->name == kBudgetTool
          ? tell_budget(worker_, *visit.settings, *visit.catalogue, visit.credential, visit.base,
                        asked->arguments)
          : delegate(*visit.settings, visit.credential, visit.base, asked->arguments);
  std::string result;
  append_agent_answer(result, answer, era);
  visit.answer_result(message.id, result);
  return true;
}

// resources/subscribe and resources/unsubscribe. Who may not read a resource is told nothing of it.
net::Task<> Endpoint::change_watch(Visit& visit, const dm::Message& message) {
  const auto read = dm::read_string_member(message.params, "uri", visit.json);
  const std::string uri(read ? read->value_or("") : "");
  const bool begins = message.method == "resources/subscribe";
  const std::string_view server = visit.catalogue->server_of_resource(uri);
  if (!visit.session || uri.empty() || server.empty() ||
      !may_read(worker_, *visit.settings, server, visit.credential, visit.base)) {
    const std::string_view why = visit.session ? "Resource not found" : "It takes a session";
    visit.answer_error(message.id, {dm::kInvalidParams, std::string(why), {}, 200});
    co_return;
  }
  const std::string id(message.id);
  std::expected<void, Fault> done;
  if (begins && visit.session->watch(uri)) {
    done = co_await visit.hub->watch_resource(uri);
    if (!done) visit.session->unwatch(uri);
  } else if (!begins && visit.session->unwatch(uri)) {
    done = co_await visit.hub->unwatch_resource(uri);
  }
  if (!done) {
    visit.answer_error(id, {dm::kInternalError, done.error().message, {}, 200});
    co_return;
  }
  visit.answer_result(id, "{}");
}

}  // namespace satgate::flow::mcp
