#include "store/event_writer.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "audit/event_json.h"
#include "base/time.h"

namespace satgate::store {
namespace {

constexpr std::string_view kInsert =
    "INSERT INTO events (seq, time, kind, subject, token, upstream, tool, endpoint, model, "
    "decision, code, team, project, environment, workflow, budget, request_id, holder, cost, json) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

// Members of the event that are columns of the same name, and where in kInsert; `event` is `kind`.
constexpr std::array<std::pair<std::string_view, int>, 15> kTextColumns = {{{"event", 3},
                                                                            {"subject", 4},
                                                                            {"token", 5},
                                                                            {"upstream", 6},
                                                                            {"tool", 7},
                                                                            {"endpoint", 8},
                                                                            {"model", 9},
                                                                            {"decision", 10},
                                                                            {"code", 11},
                                                                            {"team", 12},
                                                                            {"project", 13},
                                                                            {"environment", 14},
                                                                            {"workflow", 15},
                                                                            {"budget", 16},
                                                                            {"request_id", 17}}};
constexpr int kHolderColumn = 18;
constexpr int kCostColumn = 19;
constexpr int kJsonColumn = 20;

}  // namespace

struct EventWriter::Parser {
  simdjson::dom::parser parser;
  std::string buffer;  // the event and simdjson's padding
};

EventWriter::EventWriter(sqlite::Statement statement, std::unique_ptr<Parser> parser)
    : statement_(std::move(statement)), parser_(std::move(parser)) {}
EventWriter::EventWriter(EventWriter&&) noexcept = default;
EventWriter::~EventWriter() = default;

Result<EventWriter> EventWriter::prepare(sqlite::Database& database) {
  TRY_ASSIGN(sqlite::Statement statement, database.prepare(kInsert));
  return EventWriter(std::move(statement), std::make_unique<Parser>());
}

Result<void> EventWriter::insert(uint64_t seq, std::string_view json, std::optional<Money> cost) {
  std::string& buffer = parser_->buffer;
  buffer.assign(json);
  buffer.resize(json.size() + simdjson::SIMDJSON_PADDING);
  simdjson::dom::object event;
  if (parser_->parser.parse(buffer.data(), json.size(), false).get_object().get(event) !=
      simdjson::SUCCESS) {
    return fail(fmt::format("event {} of the journal is not JSON", seq));
  }
  std::string_view text;
  const auto time =
      event["time"].get_string().get(text) == simdjson::SUCCESS ? parse_time(text) : std::nullopt;
  if (!time) return fail(fmt::format("event {} of the journal has no time", seq));
  statement_.bind(1, static_cast<int64_t>(seq)).bind(2, time->unix_ns);
  for (const auto& [name, column] : kTextColumns) {
    if (event[name].get_string().get(text) == simdjson::SUCCESS) statement_.bind(column, text);
  }
  simdjson::dom::array holders;
  if (event["holders"].get_array().get(holders) == simdjson::SUCCESS) {
    for (const simdjson::dom::element holder : holders) {
      // The last one is the holder of the token that made the call.
      if (holder.get_string().get(text) == simdjson::SUCCESS) statement_.bind(kHolderColumn, text);
    }
  }
  if (cost) statement_.bind(kCostColumn, cost->nano());
  return statement_.bind(kJsonColumn, json).run();
}

}  // namespace satgate::store
