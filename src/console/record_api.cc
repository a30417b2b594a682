#include "console/record_api.h"

#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "console/revenue_json.h"
#include "report/audit_export.h"
#include "report/audit_search.h"
#include "report/revenue.h"
#include "report/spend.h"

namespace satgate::console {
namespace {

std::string text_of(const Query& query, std::string_view name) {
  const auto found = query.find(name);
  return found == query.end() ? std::string() : found->second;
}

std::expected<void, ApiError> check_names(const Query& query,
                                          const std::set<std::string, std::less<>>& known) {
  for (const auto& [name, value] : query) {
    if (!known.contains(name)) {
      return bad_request(
          fmt::format("'{}' is not known here; known: {}", name, fmt::join(known, ", ")));
    }
  }
  return {};
}

std::expected<std::optional<Time>, ApiError> time_of(const Query& query, std::string_view name) {
  const std::string text = text_of(query, name);
  if (text.empty()) return std::nullopt;
  const auto time = parse_time(text);
  if (!time) return bad_request(fmt::format("'{}' is not a date or time", text));
  return *time;
}

}  // namespace

Reply RecordApi::events(const Query& query) {
  TRY(check_names(query, {"subject", "tool", "decision", "code", "kind", "request_id", "since",
                          "until", "after", "limit"}));
  report::EventFilter filter;
  filter.subject = text_of(query, "subject");
  filter.tool = text_of(query, "tool");
  filter.decision = text_of(query, "decision");
  filter.code = text_of(query, "code");
  filter.kind = text_of(query, "kind");
  filter.request_id = text_of(query, "request_id");
  TRY_ASSIGN(filter.since, time_of(query, "since"));
  TRY_ASSIGN(filter.until, time_of(query, "until"));
  for (const auto& [name, target] :
       {std::pair{"after", &filter.after_seq}, std::pair{"limit", &filter.limit}}) {
    const std::string text = text_of(query, name);
    if (text.empty()) continue;
    const auto number = parse_uint(text);
    if (!number) return bad_request(fmt::format("'{}' must be a whole number", name));
    *target = *number;
  }
  gateway_.bank.flush();
  auto found = report::search_events(gateway_.bank.database_path(), filter);
  if (!found) return unavailable(found.error().message);
  Json events = Json::array();
  for (const report::FoundEvent& event : *found) {
    Json parsed = Json::parse(event.json, nullptr, false);
    if (parsed.is_discarded()) continue;
    parsed["seq"] = event.seq;
    events.push_back(std::move(parsed));
  }
  return Json{{"events", std::move(events)}};
}

Reply RecordApi::checkpoints() {
  Json out = Json::array();
  const auto keep = [&](std::string_view lines) -> Result<void> {
    for (const std::string_view line : split(lines, '\n')) {
      if (!line.starts_with("{\"checkpoint\"")) continue;
      Json parsed = Json::parse(line, nullptr, false);
      if (!parsed.is_discarded()) out.push_back(parsed["checkpoint"]);
    }
    return {};
  };
  const std::filesystem::path data_dir = gateway_.bank.database_path().parent_path();
  auto exported = report::export_events(data_dir, {}, keep);
  if (!exported) return unavailable(exported.error().message);
  return Json{{"checkpoints", std::move(out)}};
}

Reply RecordApi::spend(const Query& query) {
  TRY(check_names(query, {"by", "since", "until"}));
  const std::string by_text = query.contains("by") ? text_of(query, "by") : "team";
  const auto by = report::parse_spend_by(by_text);
  if (!by) {
    return bad_request(
        fmt::format("'{}' is none of team, agent, tool, model, endpoint, workflow, "
                    "upstream, project, environment",
                    by_text));
  }
  report::SpendQuery question;
  question.by = *by;
  TRY_ASSIGN(question.since, time_of(query, "since"));
  TRY_ASSIGN(question.until, time_of(query, "until"));
  gateway_.bank.flush_books();
  auto answer = report::spend(gateway_.bank.database_path(), question);
  if (!answer) return unavailable(answer.error().message);
  const auto row_json = [](const report::SpendRow& row) {
    return Json{{"key", row.name},
                {"calls", row.calls},
                {"allowed", row.allowed},
                {"denied", row.denied},
                {"would_deny", row.would_deny},
                {"cache_hits", row.cache_hits},
                {"spent", money_json(row.spent)}};
  };
  Json rows = Json::array();
  for (const report::SpendRow& row : answer->rows)
    rows.push_back(row_json(row));
  return Json{{"by", by_text}, {"rows", rows}, {"total", row_json(answer->total)}};
}

Reply RecordApi::revenue(const Query& query) {
  TRY(check_names(query, {"by", "since", "until"}));
  const std::string by_text = query.contains("by") ? text_of(query, "by") : "route";
  const auto by = report::parse_revenue_by(by_text);
  if (!by) {
    return bad_request(fmt::format("'{}' is none of route, buyer, day, partner", by_text));
  }
  report::RevenueQuery question;
  question.by = *by;
  question.now = gateway_.clock.now();
  TRY_ASSIGN(question.since, time_of(query, "since"));
  TRY_ASSIGN(question.until, time_of(query, "until"));
  gateway_.bank.flush_books();
  TRY_ASSIGN(const auto answer,
             available(report::revenue(gateway_.bank.database_path(), question)));
  return revenue_json(answer);
}

namespace {

Json rates_json(const TokenRates& rates) {
  return {{"input", money_json(Money::nano(rates.input))},
          {"cached_input", money_json(Money::nano(rates.cached_input))},
          {"cache_write", money_json(Money::nano(rates.cache_write))},
          {"output", money_json(Money::nano(rates.output))}};
}

}  // namespace

Reply RecordApi::prices() {
  Json out = Json::array();
  const auto settings = gateway_.settings();
  for (const tariff::Offer& offer : settings->tariff->listing()) {
    Json entry = {{"name", offer.name}, {"from", offer.built_in ? "built-in" : "config"}};
    switch (offer.kind) {
      case Alternative::Kind::model:
        entry["kind"] = "model";
        break;
      case Alternative::Kind::tool:
        entry["kind"] = "tool";
        break;
      case Alternative::Kind::endpoint:
        entry["kind"] = "endpoint";
        break;
    }
    if (offer.replaces) entry["replaces"] = rates_json(*offer.replaces);
    if (offer.per_token) {
      entry["per_million_tokens"] = rates_json(offer.rates);
    }
    if (offer.image) entry["image"] = money_json(*offer.image);
    if (offer.characters) entry["per_million_characters"] = money_json(*offer.characters);
    if (offer.is_per_call()) entry["cost"] = money_json(offer.cost);
    if (offer.parts != nullptr || offer.terms != nullptr) entry["at_most"] = true;
    out.push_back(std::move(entry));
  }
  return Json{{"prices", std::move(out)}};
}

Reply RecordApi::status() {
  const auto settings = gateway_.settings();
  store::Bank& bank = gateway_.bank;
  const store::RecoveryReport& recovery = bank.recovery();
  Json out = {{"version", SATGATE_VERSION},
              {"mode", to_string(settings->mode)},
              {"listen", settings->server.address},
              {"admin", settings->admin.address},
              {"started", format_rfc3339(started_)},
              {"healthy", bank.healthy()},
              {"failure", bank.failure()},
              {"durability", settings->strict_durability ? "strict" : "normal"},
              {"timezone", settings->timezone.name()},
              {"tokens", bank.directory().token_count()},
              {"budgets", bank.directory().budgets().size()},
              {"calls_held", bank.held_count()}};
  out["recovery"] = {{"events_replayed", recovery.events_replayed},
                     {"holds_charged", recovery.holds_charged},
                     {"leases_written_off", recovery.leases_written_off},
                     {"bytes_dropped", recovery.bytes_dropped}};
  Json upstreams = Json::array();
  for (const flow::Upstream& upstream : settings->upstreams) {
    upstreams.push_back({{"name", upstream.name},
                         {"host", upstream.identity.host},
                         {"port", upstream.identity.port},
                         {"mode", to_string(upstream.mode.value_or(settings->mode))}});
  }
  out["upstreams"] = upstreams;
  Json servers = Json::array();
  if (const auto hub = gateway_.hub()) {
    for (const flow::mcp::ServerStatus& server : hub->status()) {
      constexpr std::array states = {"starting", "ready", "down"};
      servers.push_back({{"name", server.name},
                         {"state", states[static_cast<size_t>(server.state)]},
                         {"transport", server.transport},
                         {"server", server.server_info},
                         {"tools", server.tools},
                         {"held_back", server.held},
                         {"calls", server.calls},
                         {"faults", server.faults},
                         {"restarts", server.restarts},
                         {"last_error", server.last_error}});
    }
  }
  out["mcp_servers"] = servers;
  return out;
}

}  // namespace satgate::console
