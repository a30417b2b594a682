#include "report/audit_search.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/time.h"
#include "store/journal_reader.h"
#include "store/sqlite/database.h"

namespace satgate::report {
namespace {

// Up to which record nothing can match, by the index the gateway keeps.
Result<uint64_t> records_to_skip(const std::filesystem::path& database, const EventFilter& filter) {
  TRY_ASSIGN(auto connection, store::sqlite::Database::open_read_only(database));
  TRY_ASSIGN(auto row, connection.prepare("SELECT coalesce(max(record), 0) FROM journal_index "
                                          "WHERE event <= ? OR latest < ?"));
  row.bind(1, static_cast<int64_t>(std::min<uint64_t>(filter.after_seq, INT64_MAX)));
  row.bind(2, filter.since ? filter.since->unix_seconds() : INT64_MIN);
  TRY_ASSIGN(const bool found, row.step());
  return found ? static_cast<uint64_t>(row.integer(0)) : 0;
}

class Matcher {
 public:
  explicit Matcher(const EventFilter& filter)
      : filter_(filter),
        texts_{{{"subject", filter.subject},
                {"tool", filter.tool},
                {"decision", filter.decision},
                {"code", filter.code},
                {"event", filter.kind},
                {"request_id", filter.request_id}}} {}

  bool matches(std::string_view json) {
    if (!may_match(json)) return false;
    buffer_.assign(json);
    buffer_.resize(json.size() + simdjson::SIMDJSON_PADDING);
    simdjson::dom::object event;
    if (parser_.parse(buffer_.data(), json.size(), false).get_object().get(event) !=
        simdjson::SUCCESS) {
      return false;
    }
    std::string_view text;
    for (const auto& [name, wanted] : texts_) {
      if (wanted.empty()) continue;
      if (event[name].get_string().get(text) != simdjson::SUCCESS || text != wanted) return false;
    }
    if (!filter_.since && !filter_.until) return true;
    if (event["time"].get_string().get(text) != simdjson::SUCCESS) return false;
    const auto time = parse_time(text);
    return time && (!filter_.since || *time >= *filter_.since) &&
           (!filter_.until || *time < *filter_.until);
  }

 private:
  // Cheaper than parsing. A text with a character that JSON escapes is left to the parser.
  bool may_match(std::string_view json) const {
    return std::ranges::all_of(texts_, [&](const auto& wanted) {
      const std::string_view text = wanted.second;
      const bool is_plain = std::ranges::all_of(
          text, [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
      return !is_plain || json.find(text) != std::string_view::npos;
    });
  }

  const EventFilter& filter_;
  const std::array<std::pair<std::string_view, std::string_view>, 6> texts_;
  simdjson::dom::parser parser_;
  std::string buffer_;
};

// The newest `limit` matches of one segment, oldest first.
Result<std::vector<FoundEvent>> search_segment(const std::filesystem::path& journal,
                                               uint64_t from_record, uint64_t to_record,
                                               Matcher& matcher, const EventFilter& filter,
                                               uint64_t limit) {
  store::ReadOptions options;
  options.from_seq = from_record;
  options.count_only = true;
  TRY_ASSIGN(auto reader, store::JournalReader::open(journal, options));
  std::vector<FoundEvent> events;
  store::RecordView record;
  while (true) {
    TRY_ASSIGN(const bool found, reader.next(record));
    if (!found || record.seq > to_record) break;
    if (!record.carries_event()) continue;
    const uint64_t seq = reader.chain().at().seq;
    if (seq <= filter.after_seq || !matcher.matches(record.event_json())) continue;
    events.push_back({seq, std::string(record.event_json())});
    // Dropped in bulk, so that a long segment costs no shifting for each match.
    if (events.size() >= 2 * limit) {
      events.erase(events.begin(), events.end() - static_cast<ptrdiff_t>(limit));
    }
  }
  if (events.size() > limit) {
    events.erase(events.begin(), events.end() - static_cast<ptrdiff_t>(limit));
  }
  return events;
}

}  // namespace

Result<std::vector<FoundEvent>> search_events(const std::filesystem::path& database,
                                              const EventFilter& filter) {
  TRY_ASSIGN(const uint64_t skip, records_to_skip(database, filter));
  const std::filesystem::path journal = database.parent_path() / "journal";
  TRY_ASSIGN(const auto segments, store::list_segment_headers(journal));
  Matcher matcher(filter);
  const uint64_t limit = std::min(filter.limit, search_rows_max);
  std::vector<FoundEvent> events;
  // From the newest segment back, until there is enough.
  uint64_t to_record = UINT64_MAX;
  for (size_t i = segments.size(); i-- > 0 && events.size() < limit && to_record > skip;) {
    const uint64_t from_record = std::max(segments[i].first_seq, skip + 1);
    TRY_ASSIGN(auto found, search_segment(journal, from_record, to_record, matcher, filter,
                                          limit - events.size()));
    std::move(events.begin(), events.end(), std::back_inserter(found));
    events = std::move(found);
    to_record = segments[i].first_seq - 1;
  }
  return events;
}

}  // namespace satgate::report
