#include "app/commands/record.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "app/commands/admin_client.h"
#include "app/commands/flags.h"
#include "console/api.h"
#include "console/revenue_json.h"
#include "report/audit_search.h"
#include "report/audit_verify.h"
#include "report/revenue.h"
#include "report/spend.h"

namespace satgate::app {
namespace {

void put(Query& query, const char* name, const std::string& value) {
  if (!value.empty()) query.emplace_back(name, value);
}

std::optional<Time> moment(const std::string& text) {
  return text.empty() ? std::nullopt : parse_moment(text, now());
}

void put_moment(Query& query, const char* name, const std::string& text) {
  if (const auto time = moment(text)) query.emplace_back(name, format_rfc3339(*time, true));
}

Query query_of(const EventQuestion& question) {
  Query query;
  put(query, "subject", question.subject);
  put(query, "tool", question.tool);
  put(query, "decision", question.decision);
  put(query, "code", question.code);
  put(query, "kind", question.kind);
  put(query, "request_id", question.request_id);
  put_moment(query, "since", question.since);
  put_moment(query, "until", question.until);
  query.emplace_back("after", fmt::format("{}", question.after_seq));
  query.emplace_back("limit", fmt::format("{}", question.limit));
  return query;
}

Result<std::vector<Json>> events_on_disk(const std::filesystem::path& data_dir,
                                         const EventQuestion& question) {
  report::EventFilter filter;
  filter.subject = question.subject;
  filter.tool = question.tool;
  filter.decision = question.decision;
  filter.code = question.code;
  filter.kind = question.kind;
  filter.request_id = question.request_id;
  filter.since = moment(question.since);
  filter.until = moment(question.until);
  filter.after_seq = question.after_seq;
  filter.limit = question.limit;
  TRY_ASSIGN(const auto found, report::search_events(database_path(data_dir), filter));
  std::vector<Json> events;
  for (const report::FoundEvent& one : found) {
    Json event = Json::parse(one.json, nullptr, false);
    if (!event.is_object()) return fail(fmt::format("event {} is not JSON", one.seq));
    event["seq"] = one.seq;
    events.push_back(std::move(event));
  }
  return events;
}

Json row_json(const report::SpendRow& row) {
  return {{"key", row.name},
          {"calls", row.calls},
          {"allowed", row.allowed},
          {"denied", row.denied},
          {"would_deny", row.would_deny},
          {"spent", console::money_json(row.spent)}};
}

Result<Json> spend_on_disk(const std::filesystem::path& data_dir, const std::string& by,
                           const report::SpendQuery& query) {
  TRY_ASSIGN(const auto report, report::spend(database_path(data_dir), query));
  Json rows = Json::array();
  for (const report::SpendRow& row : report.rows)
    rows.push_back(row_json(row));
  return Json{{"by", by}, {"rows", std::move(rows)}, {"total", row_json(report.total)}};
}

// The gateway's answer; nothing when none runs but there is a data directory to read.
Expected<std::optional<Json>> ask_gateway(const Context& context, std::string_view path,
                                          const Query& query) {
  TRY_ASSIGN(const auto data_dir, context.data_dir());
  const auto is_absent = [&](const Failure& failure) {
    std::error_code error;
    return failure.no_gateway && std::filesystem::exists(database_path(data_dir), error);
  };
  const auto client = AdminClient::open(data_dir);
  if (!client && is_absent(client.error())) return std::nullopt;
  if (!client) return std::unexpected(client.error());
  auto answer = client->get(path, query);
  if (!answer && is_absent(answer.error())) return std::nullopt;
  if (!answer) return std::unexpected(std::move(answer.error()));
  return std::optional<Json>(std::move(*answer));
}

uint64_t newest_event(const std::filesystem::path& data_dir) {
  report::EventFilter filter;
  filter.limit = 1;
  const auto found = report::search_events(database_path(data_dir), filter);
  return found && !found->empty() ? found->back().seq : 0;
}

}  // namespace

std::filesystem::path database_path(const std::filesystem::path& data_dir) {
  return data_dir / "satgate.db";
}

Expected<std::vector<Json>> find_events(const Context& context, const EventQuestion& question) {
  TRY_ASSIGN(std::optional<Json> answer, ask_gateway(context, "audit/events", query_of(question)));
  if (!answer) {
    TRY_ASSIGN(const auto data_dir, context.data_dir());
    TRY_ASSIGN(std::vector<Json> events, events_on_disk(data_dir, question));
    return events;
  }
  std::vector<Json> events;
  for (Json& event : (*answer)["events"])
    events.push_back(std::move(event));
  return events;
}

Expected<Json> find_spend(const Context& context, const std::string& by, const std::string& since,
                          const std::string& until) {
  Query query = {{"by", by}};
  put_moment(query, "since", since);
  put_moment(query, "until", until);
  TRY_ASSIGN(std::optional<Json> answer, ask_gateway(context, "reports/spend", query));
  if (answer) return std::move(*answer);
  report::SpendQuery question;
  question.by = report::parse_spend_by(by).value_or(report::SpendBy::team);
  question.since = moment(since);
  question.until = moment(until);
  TRY_ASSIGN(const auto data_dir, context.data_dir());
  TRY_ASSIGN(Json found, spend_on_disk(data_dir, by, question));
  return found;
}

Expected<Json> find_revenue(const Context& context, const std::string& by, const std::string& since,
                            const std::string& until) {
  Query query = {{"by", by}};
  put_moment(query, "since", since);
  put_moment(query, "until", until);
  TRY_ASSIGN(std::optional<Json> answer, ask_gateway(context, "reports/revenue", query));
  if (answer) return std::move(*answer);
  report::RevenueQuery question;
  question.by = report::parse_revenue_by(by).value_or(report::RevenueBy::route);
  question.since = moment(since);
  question.until = moment(until);
  question.now = now();
  TRY_ASSIGN(const auto data_dir, context.data_dir());
  TRY_ASSIGN(const auto found, report::revenue(database_path(data_dir), question));
  return console::revenue_json(found);
}

Result<RecordVerdict> verify_record(const std::filesystem::path& data_dir,
                                    const std::filesystem::path& key_file, uint64_t require_seq) {
  std::error_code error;
  if (!std::filesystem::exists(data_dir / "journal", error)) {
    return fail(
        fmt::format("there is no record in {}: no gateway has run there", data_dir.string()));
  }
  TRY_ASSIGN(const audit::PublicKey key, report::read_public_key(key_file));
  // Asked first: the journal is always ahead of what is copied from it.
  const uint64_t known = std::max(newest_event(data_dir), require_seq);
  TRY_ASSIGN(report::JournalVerdict found, report::verify_journal(data_dir, key));
  if (found.ok && found.torn_bytes > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    TRY_ASSIGN(found, report::verify_journal(data_dir, key));
  }
  RecordVerdict verdict{.ok = found.ok,
                        .problem = found.problem,
                        .events = found.events,
                        .last_seq = found.events,
                        .signed_seq = found.signed_seq,
                        .checkpoints = found.checkpoints};
  if (!verdict.ok) return verdict;
  if (found.torn_bytes > 0) {
    verdict.problem = fmt::format(
        "the record ends inside an entry ({} bytes after event {}): it was cut, or the machine "
        "stopped while it was written; the next start of the gateway goes on before it",
        found.torn_bytes, found.events);
  } else if (found.events < known) {
    verdict.problem =
        fmt::format("the record ends with event {}, but event {} was written", found.events, known);
  } else if (found.signed_seq < require_seq) {
    verdict.problem = fmt::format("event {} is not signed yet; signed are the events up to {}",
                                  require_seq, found.signed_seq);
  }
  verdict.ok = verdict.problem.empty();
  return verdict;
}

}  // namespace satgate::app
