#include "store/books.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/export.h"
#include "store/sqlite/schema.h"

namespace satgate::store {
namespace {

using sqlite::Database;
using sqlite::Statement;

constexpr std::string_view kPutAccount =
    "REPLACE INTO accounts (account, kind, spent, second_end, second_spent, minute_end, "
    "minute_spent, hour_end, hour_spent, day_end, day_spent, month_end, month_spent, blocked) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr std::string_view kGetAccounts =
    "SELECT account, kind, spent, second_end, second_spent, minute_end, minute_spent, hour_end, "
    "hour_spent, day_end, day_spent, month_end, month_spent, blocked FROM accounts";
constexpr std::string_view kFindKey =
    "SELECT id FROM spend_keys WHERE kind = ? AND subject = ? AND holder = ? AND upstream = ? AND "
    "tool = ? AND endpoint = ? AND model = ? AND decision = ? AND code = ? AND team = ? AND "
    "project = ? AND environment = ? AND workflow = ? AND budget = ? AND route = ?";
constexpr std::string_view kAddKey =
    "INSERT INTO spend_keys (kind, subject, holder, upstream, tool, endpoint, model, decision, "
    "code, team, project, environment, workflow, budget, route) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr std::string_view kAddSpend =
    "INSERT INTO spend (second, key, events, spent) VALUES (?, ?, ?, ?) ON CONFLICT (second, key) "
    "DO UPDATE SET events = events + excluded.events, spent = spent + excluded.spent";

constexpr std::string_view kAddShare =
    "INSERT INTO spend_shares (second, key, partner, calls, amount) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (second, key, partner) DO UPDATE SET calls = calls + excluded.calls, "
    "amount = amount + excluded.amount";

constexpr size_t kKeyIdsMax = 10'000;
// A search that starts at an index row reads at most about this many events too many.
constexpr uint64_t kEventsPerIndexRow = 4096;

Result<AccountKind> account_kind(int64_t kind) {
  if (kind < 0 || kind > static_cast<int64_t>(kLastAccountKind)) {
    return fail(fmt::format("database: {} is no kind of account", kind));
  }
  return static_cast<AccountKind>(kind);
}

Result<ledger::AccountState> read_account(const Statement& row) {
  const auto account = decode_account(row.text(0));
  if (!account) return fail("database: an account id has the wrong size");
  ledger::AccountState state;
  state.account = *account;
  TRY_ASSIGN(state.kind, account_kind(row.integer(1)));
  state.spent = Money::nano(row.integer(2));
  for (size_t w = 0; w < state.window_end.size(); ++w) {
    state.window_end[w] = row.integer(static_cast<int>(3 + 2 * w));
    state.window_spent[w] = Money::nano(row.integer(static_cast<int>(4 + 2 * w)));
  }
  state.blocked = row.integer(13) != 0;
  return state;
}

Result<void> put_account(Statement& put, const ledger::AccountState& state) {
  put.bind_blob(1, state.account.view()).bind(2, static_cast<int64_t>(state.kind));
  put.bind(3, state.spent.nano());
  for (size_t w = 0; w < state.window_end.size(); ++w) {
    put.bind(static_cast<int>(4 + 2 * w), state.window_end[w]);
    put.bind(static_cast<int>(5 + 2 * w), state.window_spent[w].nano());
  }
  return put.bind(14, int64_t{state.blocked ? 1 : 0}).run();
}

Result<void> write_accounts(Database& database, const ledger::Changes& changes) {
  if (changes.accounts.empty()) return {};
  TRY_ASSIGN(Statement put, database.prepare(kPutAccount));
  for (const ledger::AccountState& state : changes.accounts)
    TRY(put_account(put, state));
  return {};
}

Result<void> write_holds(Database& database, const ledger::Changes& changes) {
  if (!changes.ended.empty()) {
    TRY_ASSIGN(Statement remove, database.prepare("DELETE FROM holds WHERE reservation = ?"));
    for (const uint64_t reservation : changes.ended)
      TRY(remove.bind(1, static_cast<int64_t>(reservation)).run());
  }
  if (changes.held.empty()) return {};
  TRY_ASSIGN(Statement put, database.prepare("INSERT INTO holds VALUES (?, ?)"));
  std::string bytes;
  for (const ledger::HoldRecord& hold : changes.held) {
    bytes.clear();
    encode_hold(bytes, hold);
    TRY(put.bind(1, static_cast<int64_t>(hold.reservation)).bind_blob(2, bytes).run());
  }
  return {};
}

// As the event's JSON says it: a number, and the first member of this name. A label of the same
// name comes later, and is a text.
std::optional<Money> cost_of(std::string_view event_json) {
  constexpr std::string_view member = "\"cost\":";
  const size_t at = event_json.find(member);
  if (at == event_json.npos) return std::nullopt;
  const std::string_view rest = event_json.substr(at + member.size());
  const auto cost = parse_amount(rest.substr(0, rest.find_first_of(",}")));
  return cost ? std::optional(*cost) : std::nullopt;
}

}  // namespace

Result<void> replay(ledger::Ledger& ledger, const RecordView& record) {
  switch (record.type) {
    case RecordType::hold: {
      const auto hold = decode_hold(record.payload);
      if (!hold) return fail("a hold can not be read");
      ledger.replay(*hold);
      return {};
    }
    case RecordType::end: {
      const auto end = decode_end(record.payload);
      if (!end) return fail("an end can not be read");
      if (!ledger.replay(*end)) {
        return fail(fmt::format("it ends reservation {}, which was never held", end->reservation));
      }
      return {};
    }
    case RecordType::unblock: {
      const auto account = decode_account(record.payload);
      if (!account) return fail("an unblock can not be read");
      ledger.unblock(*account);
      return {};
    }
    case RecordType::write_off: {
      const auto write_off = decode_write_off(record.payload);
      if (!write_off) return fail("a write-off can not be read");
      // Makes the account with its kind, should the journal know it from nowhere else.
      ledger.raise_ceiling(write_off->account, write_off->kind, Money());
      ledger.write_off(write_off->account, write_off->loss);
      return {};
    }
    case RecordType::windows: {
      const auto moved = decode_windows(record.payload);
      if (!moved) return fail("moved windows can not be read");
      ledger.replay(*moved);
      return {};
    }
    case RecordType::checkpoint:
      TRY(signed_event(record));
      return {};
    case RecordType::event:
      return {};
  }
  return fail("its type is unknown");
}

std::optional<Money> spent(const RecordView& record) {
  if (record.type == RecordType::event) return cost_of(record.event_json());
  if (record.type == RecordType::end) return decode_end(record.payload)->cost;
  if (record.type == RecordType::write_off) return decode_write_off(record.payload)->loss.amount;
  return std::nullopt;
}

Result<uint64_t> signed_event(const RecordView& checkpoint) {
  const auto parsed = audit::parse_checkpoint_line(checkpoint.payload);
  if (!parsed) return fail("a checkpoint can not be read");
  return parsed->point.seq;
}

Result<void> load_books(Database& database, ledger::Ledger& ledger) {
  TRY_ASSIGN(Statement accounts, database.prepare(kGetAccounts));
  while (true) {
    TRY_ASSIGN(const bool row, accounts.step());
    if (!row) break;
    TRY_ASSIGN(const ledger::AccountState state, read_account(accounts));
    ledger.load(state);
  }
  TRY_ASSIGN(Statement holds, database.prepare("SELECT record FROM holds ORDER BY reservation"));
  while (true) {
    TRY_ASSIGN(const bool row, holds.step());
    if (!row) return {};
    const auto hold = decode_hold(holds.text(0));
    if (!hold) return fail("database: a stored hold can not be read");
    ledger.load(*hold);
  }
}

Result<void> Books::write(Database& database, const Page& page) {
  TRY_ASSIGN(auto transaction, sqlite::Transaction::begin(database));
  TRY(write_accounts(database, page.changes));
  TRY(write_holds(database, page.changes));
  TRY(write_rollups(database, page.rollups));
  TRY(write_index(database, page));
  TRY(sqlite::set_meta(database, "projected_seq", static_cast<int64_t>(page.record_seq)));
  TRY(sqlite::set_meta(database, "next_reservation",
                       static_cast<int64_t>(page.changes.next_reservation)));
  TRY(sqlite::set_meta(database, "signed_seq", static_cast<int64_t>(page.signed_seq)));
  return transaction.commit();
}

Result<void> Books::write_rollups(Database& database, const Rollups& rollups) {
  if (rollups.empty()) return {};
  TRY_ASSIGN(Statement add, database.prepare(kAddSpend));
  return rollups.each([&](const RollupKey& key, std::string_view dimensions,
                          const RollupTotals& totals) -> Result<void> {
    TRY_ASSIGN(const int64_t id, key_id(database, key, dimensions));
    add.bind(1, key.second).bind(2, id).bind(3, static_cast<int64_t>(totals.events));
    TRY(add.bind(4, totals.spent.nano()).run());
    if (totals.shares.empty()) return {};
    TRY_ASSIGN(Statement share, database.prepare(kAddShare));
    for (const auto& [partner, part] : totals.shares) {
      share.bind(1, key.second).bind(2, id).bind(3, partner);
      share.bind(4, static_cast<int64_t>(part.calls));
      TRY(share.bind(5, part.amount.nano()).run());
    }
    return {};
  });
}

Result<void> Books::write_index(Database& database, const Page& page) {
  if (indexed_event_ == 0) {
    TRY_ASSIGN(Statement newest, database.prepare("SELECT event, latest FROM journal_index "
                                                  "ORDER BY event DESC LIMIT 1"));
    TRY_ASSIGN(const bool found, newest.step());
    if (found) {
      indexed_event_ = static_cast<uint64_t>(newest.integer(0));
      latest_second_ = std::max(latest_second_, newest.integer(1));
    }
  }
  TRY(page.rollups.each([this](const RollupKey& key, std::string_view, const RollupTotals&) {
    latest_second_ = std::max(latest_second_, key.second);
    return Result<void>();
  }));
  if (page.event_seq < indexed_event_ + kEventsPerIndexRow) return {};
  TRY_ASSIGN(Statement put, database.prepare("REPLACE INTO journal_index VALUES (?, ?, ?)"));
  put.bind(1, static_cast<int64_t>(page.event_seq));
  TRY(put.bind(2, static_cast<int64_t>(page.record_seq)).bind(3, latest_second_).run());
  indexed_event_ = page.event_seq;
  return {};
}

Result<int64_t> Books::key_id(Database& database, const RollupKey& key,
                              std::string_view dimensions) {
  const std::string name(dimensions);
  if (const auto known = key_ids_.find(name); known != key_ids_.end()) return known->second;
  const auto bind_all = [&key](Statement& statement) {
    for (size_t d = 0; d < kDimensions; ++d)
      statement.bind(static_cast<int>(d + 1), key.text[d]);
  };
  TRY_ASSIGN(Statement find, database.prepare(kFindKey));
  bind_all(find);
  TRY_ASSIGN(const bool found, find.step());
  int64_t id = 0;
  if (found) {
    id = find.integer(0);
  } else {
    TRY_ASSIGN(Statement add, database.prepare(kAddKey));
    bind_all(add);
    TRY(add.run());
    TRY_ASSIGN(id, database.query_integer("SELECT last_insert_rowid()"));
  }
  if (key_ids_.size() >= kKeyIdsMax) key_ids_.clear();
  key_ids_[name] = id;
  return id;
}

}  // namespace satgate::store
