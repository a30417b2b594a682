// The journal: how fast events are appended, and how fast a start reads them back. Prints one JSON
// object.
//
//   bench-journal append DIR EVENTS BATCH     events alone, as refusals are; DIR must not exist
//   bench-journal calls DIR CALLS BATCH       a hold and an end with its event for each
//   bench-journal recover DIR                 opens it as a start after a crash does
#include <fmt/format.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "audit/event_json.h"
#include "contract/records.h"
#include "inside/must.h"
#include "store/bank.h"
#include "store/journal.h"
#include "store/record.h"
#include "wire/latencies.h"
#include "wire/tcp.h"

namespace satgate::bench {
namespace {

using store::Journal;
using store::RecordType;

constexpr uint64_t kAccounts = 1'000;

double seconds_since(int64_t start_ns) {
  return static_cast<double>(now_ns() - start_ns) / 1e9;
}

std::string an_event(Time now) {
  AuditEvent event;
  event.time = now;
  event.subject = "cursor-dev";
  event.labels = {{"team", "core"}, {"project", "landing"}};
  event.decision = Decision::allow;
  event.quote = Money::nano(1'000'000);
  event.cost = Money::nano(1'000'000);
  event.http_status = 200;
  event.call.emplace();
  event.call->upstream = "answers";
  event.call->route = "answers";
  event.call->endpoint = "/api/answer";
  event.call->method = "POST";
  std::string json;
  audit::append_event_json(json, event);
  return json;
}

ledger::HoldRecord a_hold(uint64_t reservation, Time now) {
  ledger::HoldRecord hold;
  hold.reservation = reservation;
  hold.at = now;
  hold.amount = Money::nano(1'000'000);
  for (const AccountKind kind : {AccountKind::token, AccountKind::lineage, AccountKind::budget}) {
    const uint64_t number = kind == AccountKind::budget ? 0 : reservation % kAccounts;
    hold.entries[hold.size++] = {account_id(to_string(kind), std::to_string(number)), kind, {}};
  }
  return hold;
}

// What is appended again and again; only the numbers of reservations change.
class Batch {
 public:
  Batch(uint64_t size, bool calls, Time now) : calls_(calls), now_(now), event_(an_event(now)) {
    heads_.resize(calls ? 2 * size : size);
  }

  std::span<const Journal::Entry> next() {
    entries_.clear();
    if (!calls_) {
      entries_.assign(heads_.size(), {RecordType::event, {}, event_});
      return entries_;
    }
    for (size_t i = 0; i < heads_.size(); i += 2) {
      ++reservation_;
      heads_[i].clear();
      heads_[i + 1].clear();
      if (holds_.size() < kAccounts) holds_.push_back(a_hold(reservation_, now_));
      ledger::HoldRecord& hold = holds_[reservation_ % holds_.size()];
      hold.reservation = reservation_;
      store::encode_hold(heads_[i], hold);
      store::encode_end(heads_[i + 1], {.reservation = reservation_, .cost = hold.amount});
      entries_.push_back({RecordType::hold, heads_[i], {}});
      entries_.push_back({RecordType::end, heads_[i + 1], event_});
    }
    return entries_;
  }

 private:
  const bool calls_;
  const Time now_;
  const std::string event_;
  std::vector<std::string> heads_;
  std::vector<ledger::HoldRecord> holds_;
  std::vector<Journal::Entry> entries_;
  uint64_t reservation_ = 0;
};

void append(const std::filesystem::path& dir, uint64_t events, uint64_t batch_size, bool calls) {
  const SystemClock clock;
  // A bank makes the directory, so that one can open it later.
  must(store::Bank::open({.data_dir = dir}, clock)).reset();
  store::JournalOptions options;
  options.directory = dir / "journal";
  auto reader = must(store::JournalReader::open(options.directory, {}));
  store::RecordView record;
  while (must(reader.next(record))) {
  }
  const auto journal = must(Journal::open(options, reader));
  Batch batch(batch_size, calls, clock.now());
  const int64_t start = now_ns();
  for (uint64_t done = 0; done < events; done += batch_size)
    must(journal->append(batch.next()));
  const double appended = seconds_since(start);
  if (!journal->sync_now()) std::exit(2);
  const double durable = seconds_since(start);
  uint64_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(options.directory))
    bytes += file.file_size();
  fmt::print(R"({{"events":{},"appended_s":{:.3f},"durable_s":{:.3f},"bytes":{}}})"
             "\n",
             events, appended, durable, bytes);
}

void recover(const std::filesystem::path& dir) {
  const SystemClock clock;
  const int64_t start = now_ns();
  const auto bank = must(store::Bank::open({.data_dir = dir}, clock));
  fmt::print("{{\"events\":{},\"recovered_s\":{:.3f}}}\n", bank->recovery().events_replayed,
             seconds_since(start));
  std::fflush(stdout);
  ::_exit(0);  // a clean end would copy all of it into tables first
}

}  // namespace
}  // namespace satgate::bench

int main(int argc, char** argv) {
  using namespace satgate::bench;
  const std::string_view what = argc > 1 ? argv[1] : "";
  if ((what == "append" || what == "calls") && argc == 5) {
    append(argv[2], whole_number(argv[3]), whole_number(argv[4]), what == "calls");
  } else if (what == "recover" && argc == 3) {
    recover(argv[2]);
  } else {
    std::fputs("usage: bench-journal append|calls DIR COUNT BATCH, or bench-journal recover DIR\n",
               stderr);
    return 2;
  }
}
