#include "flow/mcp/agent_tools.h"

#include <fmt/format.h>

#include <array>

#include "base/json_out.h"
#include "base/text.h"
#include "dialect/mcp/raw_json.h"
#include "flow/caller.h"
#include "flow/mcp/budget_view.h"
#include "flow/mcp/visibility.h"
#include "token/mint.h"

namespace satgate::flow::mcp {

namespace dm = dialect::mcp;

namespace {

constexpr std::string_view kBudgetDefinition =
    R"({"tools":[{"name":"satgate.budget","title":"What may I still spend?","description":)"
    R"("Says what is left of your budget, by limit, and when each limit resets. With `tool`: what )"
    R"(a call of it costs, with `arguments` that very call, and whether it fits. Free; call it )"
    R"(before expensive work.",)"
    R"("inputSchema":{"type":"object","properties":{"tool":{"type":"string","description":)"
    R"("name of a tool as listed"},"arguments":{"type":"object","description":"what it would )"
    R"(be given"}},"additionalProperties":false},)"
    R"("annotations":{"readOnlyHint":true,"openWorldHint":false}}]})";

constexpr std::string_view kDelegateDefinition =
    R"({"tools":[{"name":"satgate.delegate","title":"Hand down a part of my budget",)"
    R"("description":"Makes a narrower token out of yours, for a sub-agent. Whatever it spends, )"
    R"(you spend; it can never do more than you can. Free.","inputSchema":{"type":"object",)"
    R"("properties":{"holder":{"type":"string","description":"who gets it, for the record"},)"
    R"("budget":{"type":"number","description":"the most it may spend, in credits"},)"
    R"("daily":{"type":"number","description":"the most it may spend a day, in credits"},)"
    R"("call_max":{"type":"number","description":"the most one call may cost, in credits"},)"
    R"("tools":{"type":"array","items":{"type":"string"},"description":"the only tools it may )"
    R"(call"},"expires":{"type":"string","description":"how long it lasts: 30m, 1h, 7d"}},)"
    R"("required":["holder","budget"],"additionalProperties":false}}]})";

dm::Item read_definition(std::string_view definition) {
  dm::RawJson json;
  auto page = dm::read_tools_page(definition, json);
  return std::move(page->tools.front());
}

const dm::Item& budget_item() {
  static const dm::Item item = read_definition(kBudgetDefinition);
  return item;
}

const dm::Item& delegate_item() {
  static const dm::Item item = read_definition(kDelegateDefinition);
  return item;
}

AgentAnswer problem(std::string text) {
  return {std::move(text), {}, true};
}

std::string_view member_of(const std::vector<dm::RawMember>& members, std::string_view key) {
  for (const dm::RawMember& member : members) {
    if (member.key == key) return member.value;
  }
  return {};
}

// One limit of one account.
void write_limit(JsonOut& json, std::string& text, const PathEntry& entry, Window window,
                 const ledger::Balance& balance, Time now, const TimeZone& zone) {
  const bool is_lifetime = window == Window::lifetime;
  const size_t i = static_cast<size_t>(window);
  const Money spent = is_lifetime ? balance.spent : balance.window_spent[i];
  const Money held = (is_lifetime ? balance.held : balance.window_held[i]) +
                     (is_lifetime ? balance.carved : Money());
  const Money limit = entry.limits[window];
  const Money left = max(limit - spent - held, Money());
  json.object().key("of").string(entry.label).key("window").string(to_string(window));
  json.key("limit").money(limit).key("spent").money(spent).key("remaining").money(left);
  std::string until;
  if (!is_lifetime) {
    const Time end = Time::seconds(window_span(window, now, zone).end);
    json.key("resets_at").string(format_rfc3339(end));
    until = fmt::format(", resets at {}", format_rfc3339(end));
  }
  json.end();
  text += fmt::format("\n{}, {}: {} of {} credits left{}", entry.label, to_string(window),
                      format_credits(left), format_credits(limit), until);
}

// What a call of a tool would cost, and whether it fits now: this very call, or any.
void write_price(JsonOut& json, std::string& text, const Settings& settings, const Call& call,
                 std::string_view caller, const BudgetView& budget) {
  json.key("tool").string(call.listed_tool);
  const auto listed = listed_price(settings, call, caller);
  if (!listed) {
    text += fmt::format("\n{} has no price, so it can not be called.", call.listed_tool);
    return;
  }
  Money most = listed->most;
  if (!call.arguments.empty()) {
    if (const auto breach = settings.tariff->argument_breach(call, caller)) {
      text += fmt::format("\n{} can not be called so: {}.", call.listed_tool, *breach);
      return;
    }
    const auto quote = settings.tariff->quote(call, caller, true);
    if (quote) most = quote->worst();
  }
  const bool fits = most <= budget.left_for(call).value_or(Money::max());
  json.key("cost").money(most).key("fits").boolean(fits);
  if (!listed->parts.empty()) json.key("parts").raw(listed->parts);
  text += fmt::format("\nA call of {} costs at most {} credits: it {}.", call.listed_tool,
                      format_credits(most), fits ? "fits" : "does not fit now");
}

}  // namespace

std::vector<const dm::Item*> agent_tools(const Settings& settings) {
  std::vector<const dm::Item*> items;
  if (settings.mcp_budget_tool) items.push_back(&budget_item());
  if (settings.mcp_delegate_tool) items.push_back(&delegate_item());
  return items;
}

bool offers_agent_tool(const Settings& settings, std::string_view name) {
  return (settings.mcp_budget_tool && name == kBudgetTool) ||
         (settings.mcp_delegate_tool && name == kDelegateTool);
}

AgentAnswer tell_budget(Worker& worker, const Settings& settings, const dm::Catalogue& catalogue,
                        const Credential& credential, const Call& base,
                        std::string_view arguments) {
  const Caller caller = caller_of(worker, settings, credential);
  if (!caller.token || !caller.record) return problem("There is no budget without a token.");
  const BudgetView budget(worker, settings, caller, base.at);
  if (!budget.is_known()) return problem("The budgets above this token can not be read.");
  const std::optional<Money> left = budget.left();
  AgentAnswer answer;
  JsonOut json(answer.structured);
  json.object();
  if (left) json.key("remaining_credits").money(*left);
  answer.text = left ? fmt::format("You may spend {} credits now.", format_credits(*left))
                     : std::string("No limit stands on this token.");
  json.key("limits").array();
  for (const PathEntry& entry : budget.of_token().entries()) {
    if (entry.kind == AccountKind::rate) continue;
    const ledger::Balance balance = worker.gateway.bank.balance(entry.account, base.at);
    for (const Window window : kAllWindows) {
      if (!entry.limits.limits(window)) continue;
      write_limit(json, answer.text, entry, window, balance, base.at, settings.timezone);
    }
  }
  json.end_array();
  dm::RawJson reader;
  const auto members = reader.members(arguments.empty() ? "{}" : arguments);
  const auto name = members ? reader.unescape(member_of(*members, "tool")) : std::string_view();
  if (name && !name->empty()) {
    const dm::CatalogueEntry* entry = catalogue.find(*name);
    if (entry == nullptr || !caller.may_make(tool_call_of(settings, *entry, base), settings)) {
      return problem(fmt::format("You have no tool {}.", *name));
    }
    Call call = tool_call_of(settings, *entry, base);
    if (call.is_held && call.mode != Mode::observe) {
      return problem(fmt::format("{} is held back until a person accepts its definition.", *name));
    }
    call.arguments = member_of(*members, "arguments");
    write_price(json, answer.text, settings, call, caller.name(), budget);
  }
  json.end();
  return answer;
}

namespace {

// What an argument of satgate.delegate becomes in the token.
struct Narrowing {
  std::string_view argument, caveat;
};
constexpr std::array<Narrowing, 4> kNarrowings = {{{"holder", "holder"},
                                                   {"budget", "budget_max"},
                                                   {"daily", "budget_daily"},
                                                   {"call_max", "call_max"}}};

Result<std::string> one_line(std::string_view raw, dm::RawJson& json) {
  if (!raw.starts_with('"')) return std::string(raw);  // a number, as it is written
  TRY_ASSIGN(const std::string_view text, json.unescape(raw));
  return std::string(text);
}

Result<std::string> tools_caveat(std::string_view raw, dm::RawJson& json) {
  TRY_ASSIGN(const auto elements, json.elements(raw, 64));
  std::string names;
  for (const std::string_view element : elements) {
    TRY_ASSIGN(const std::string_view name, json.unescape(element));
    // Else one name could bring others with it.
    if (name.empty() || name.find(',') != name.npos)
      return fail("tools: a name of a tool is wrong");
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  if (names.empty()) return fail("tools: names at least one tool");
  return "tools = " + names;
}

Result<std::string> expiry_caveat(std::string_view raw, Time now, dm::RawJson& json) {
  TRY_ASSIGN(const std::string_view text, json.unescape(raw));
  const auto seconds = parse_duration_seconds(text);
  if (!seconds) return fail("expires: a time such as 30m, 1h or 7d");
  return "expires = " + format_rfc3339(later(now, *seconds));
}

Result<std::vector<std::string>> caveats_of(std::string_view arguments, Time now) {
  dm::RawJson json;
  TRY_ASSIGN(const auto members, json.members(arguments.empty() ? "{}" : arguments));
  std::vector<std::string> caveats;
  for (const Narrowing& each : kNarrowings) {
    const std::string_view raw = member_of(members, each.argument);
    const bool is_required = each.argument == "holder" || each.argument == "budget";
    if (raw.empty() && is_required) return fail(std::string(each.argument) + " is missing");
    if (raw.empty()) continue;
    TRY_ASSIGN(const std::string value, one_line(raw, json));
    caveats.push_back(fmt::format("{} = {}", each.caveat, value));
  }
  for (const dm::RawMember& member : members) {
    if (member.key == "tools") {
      TRY_ASSIGN(std::string caveat, tools_caveat(member.value, json));
      caveats.push_back(std::move(caveat));
    } else if (member.key == "expires") {
      TRY_ASSIGN(std::string caveat, expiry_caveat(member.value, now, json));
      caveats.push_back(std::move(caveat));
    } else if (std::ranges::find(kNarrowings, member.key, &Narrowing::argument) ==
               kNarrowings.end()) {
      return fail(fmt::format("{} is no argument of this tool", member.key));
    }
  }
  return caveats;
}

}  // namespace

AgentAnswer delegate(const Settings& settings, const Credential& credential, const Call& base,
                     std::string_view arguments) {
  // An API key, or nobody, acts under a token of the operator's: what is made of that would outlive
  // the key.
  if (credential.kind != Credential::Kind::token) {
    return problem("Only who holds a token can hand a part of it down.");
  }
  const auto caveats = caveats_of(arguments, base.at);
  if (!caveats) return problem(caveats.error().message);
  const auto child = token::attenuate(credential.text, *caveats, settings.currency);
  if (!child) return problem(child.error().message);
  AgentAnswer answer;
  answer.text =
      fmt::format("A token that is narrowed by: {}. Give it to nobody but its holder.\n{}",
                  fmt::join(*caveats, "; "), *child);
  JsonOut json(answer.structured);
  json.object().key("token").string(*child).key("caveats").array();
  for (const std::string& caveat : *caveats)
    json.string(caveat);
  json.end_array().end();
  return answer;
}

void append_agent_answer(std::string& out, const AgentAnswer& answer, dm::Era era) {
  JsonOut json(out);
  json.object();
  if (era == dm::Era::modern) json.key("resultType").string("complete");
  json.key("content").array().object();
  json.key("type").string("text").key("text").string(answer.text).end().end_array();
  if (!answer.structured.empty() && !answer.is_error) {
    json.key("structuredContent").raw(answer.structured);
  }
  if (answer.is_error) json.key("isError").boolean(true);
  json.end();
}

}  // namespace satgate::flow::mcp
