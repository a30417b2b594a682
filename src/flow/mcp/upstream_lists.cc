// What a server offers: its lists, page by page.
#include <utility>

#include "base/json_out.h"
#include "base/limits.h"
#include "dialect/mcp/definition.h"
#include "dialect/mcp/message.h"
#include "flow/mcp/upstream.h"

namespace satgate::flow::mcp {
namespace {

namespace mcp = dialect::mcp;

constexpr size_t kPagesMax = 32;

size_t size_of(const mcp::Item& item) {
  return item.name.size() + item.before_name.size() + item.after_name.size() +
         item.meta_members.size();
}

Result<mcp::ItemsPage> read_page(std::string_view method, std::string_view result,
                                 mcp::RawJson& json) {
  if (method != "tools/list") {
    const mcp::ItemKind kind = method == "prompts/list"     ? mcp::ItemKind::prompt
                               : method == "resources/list" ? mcp::ItemKind::resource
                                                            : mcp::ItemKind::resource_template;
    return mcp::read_items_page(result, kind, json);
  }
  TRY_ASSIGN(auto tools, mcp::read_tools_page(result, json));
  return mcp::ItemsPage{std::move(tools.tools), std::move(tools.next_cursor)};
}

}  // namespace

unsigned Upstream::bit(ListKind kind) {
  return kind == ListKind::all ? 7U : 1U << static_cast<unsigned>(kind);
}

// Only without its tools is a server of no use. Other lists stay as they were when they cannot be
// read, and are empty when it says that it has none.
net::Task<Result<void>> Upstream::read_lists(unsigned stale) {
  Lists next = lists_;
  if ((stale & bit(ListKind::tools)) != 0) {
    std::string method = "tools/list";
    auto tools = co_await read_list(std::move(method), hello_.offers.tools);
    if (!tools) co_return std::unexpected(tools.error());
    keep_tools(std::move(*tools), next);
  }
  if ((stale & bit(ListKind::prompts)) != 0) {
    std::string method = "prompts/list";
    auto prompts = co_await read_list(std::move(method), hello_.offers.prompts);
    if (prompts) next.prompts = std::move(*prompts);
  }
  if ((stale & bit(ListKind::resources)) != 0) {
    std::string method = "resources/list";
    auto resources = co_await read_list(std::move(method), hello_.offers.resources);
    if (resources) next.resources = std::move(*resources);
    method = "resources/templates/list";
    auto templates = co_await read_list(std::move(method), hello_.offers.resources);
    if (templates) next.templates = std::move(*templates);
  }
  if (next == lists_) co_return Result<void>();
  lists_ = std::move(next);
  connection_.board->change([this](ServerStatus& s) { s.tools = lists_.tools.size(); });
  tell_changed();
  co_return Result<void>();
}

net::Task<Result<std::vector<mcp::Item>>> Upstream::read_list(std::string method, bool offered) {
  std::vector<mcp::Item> items;
  if (!offered) co_return items;
  const bool is_modern = era_ == mcp::Era::modern;
  size_t bytes = 0;
  std::optional<std::string> cursor;
  for (size_t i = 0; i < kPagesMax; ++i) {
    std::string params = list_params(cursor);
    const auto answer = co_await ask(method, std::move(params), options_.handshake_wait, is_modern);
    if (!answer) co_return fail(answer.error().fault.message);
    if (answer->result.empty() && method != "tools/list") break;
    auto page = read_page(method, answer->result.empty() ? "{}" : answer->result, json_);
    json_.forget();
    if (!page) co_return fail(method + " was answered with something else");
    for (mcp::Item& item : page->items) {
      bytes += size_of(item);
      if (items.size() == mcp::kToolsPerServerMax || bytes > limits::mcp_list_bytes_max) {
        co_return items;
      }
      items.push_back(std::move(item));
    }
    if (!page->next_cursor) break;
    cursor = std::move(page->next_cursor);
  }
  co_return items;
}

std::string Upstream::list_params(const std::optional<std::string>& cursor) const {
  std::string params = era_ == mcp::Era::modern ? modern_params() : std::string();
  if (!cursor) return params;
  if (params.empty()) params = "{}";
  params.pop_back();
  if (params.size() > 1) params += ',';
  params += R"("cursor":)";
  append_json_string(params, *cursor);
  params += '}';
  return params;
}

// By the config's words, where it has some.
bool Upstream::describe_anew(mcp::Tool& tool) {
  const auto changed = config_.tools.find(tool.name);
  if (changed == config_.tools.end() || changed->second.description.empty()) return true;
  auto described = mcp::with_description(tool, changed->second.description, json_);
  json_.forget();
  if (described) tool = std::move(*described);
  return described.has_value();
}

// The same name on two pages is one tool. Over HTTP a modern tool whose annotated parameters
// cannot be read must not be called, so it is not listed.
void Upstream::keep_tools(std::vector<mcp::Tool> tools, Lists& next) {
  next.tools.clear();
  header_params_.clear();
  std::set<std::string_view> names;
  std::vector<mcp::Tool> kept;
  kept.reserve(tools.size());
  for (mcp::Tool& tool : tools) {
    if (is_http() && era_ == mcp::Era::modern) {
      auto params = mcp::read_header_params(tool, json_);
      json_.forget();
      if (!params) continue;
      if (!params->empty()) header_params_[tool.name] = std::move(*params);
    }
    if (config_.definitions != ServerConfig::Definitions::trusted) {
      auto text = mcp::definition_text(tool);
      if (!text) continue;
      tool.definition = std::move(*text);
    }
    if (!describe_anew(tool)) continue;
    kept.push_back(std::move(tool));
    if (!names.insert(kept.back().name).second) kept.pop_back();
  }
  next.tools = std::move(kept);
}

}  // namespace satgate::flow::mcp
