#include "store/projection.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "audit/export.h"
#include "store/event_writer.h"
#include "store/sqlite/schema.h"

namespace satgate::store {
namespace {

using sqlite::Database;
using sqlite::Statement;

constexpr std::string_view kPutAccount =
    "REPLACE INTO accounts (account, kind, spent, minute, minute_spent, hour, hour_spent, day, "
    "day_spent, month, month_spent, blocked) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr std::string_view kGetAccounts =
    "SELECT account, kind, spent, minute, minute_spent, hour, hour_spent, day, day_spent, month, "
    "month_spent, blocked FROM accounts";

Result<AccountKind> account_kind(int64_t kind) {
  if (kind < 0 || kind > static_cast<int64_t>(AccountKind::rate)) {
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
  for (size_t w = 0; w < state.window_index.size(); ++w) {
    state.window_index[w] = row.integer(static_cast<int>(3 + 2 * w));
    state.window_spent[w] = Money::nano(row.integer(static_cast<int>(4 + 2 * w)));
  }
  state.blocked = row.integer(11) != 0;
  return state;
}

Result<void> put_account(Statement& put, const ledger::AccountState& state) {
  put.bind_blob(1, state.account.view()).bind(2, static_cast<int64_t>(state.kind));
  put.bind(3, state.spent.nano());
  for (size_t w = 0; w < state.window_index.size(); ++w) {
    put.bind(static_cast<int>(4 + 2 * w), state.window_index[w]);
    put.bind(static_cast<int>(5 + 2 * w), state.window_spent[w].nano());
  }
  return put.bind(12, int64_t{state.blocked ? 1 : 0}).run();
}

// Calls `use` for each open hold in the tables.
template <class Use>
Result<void> each_hold(Database& database, const Use& use) {
  TRY_ASSIGN(Statement rows, database.prepare("SELECT record FROM holds ORDER BY reservation"));
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return {};
    const auto hold = decode_hold(rows.text(0));
    if (!hold) return fail("database: a stored hold can not be read");
    use(*hold);
  }
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
      ledger.write_off(write_off->account, write_off->amount, write_off->at);
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

Result<uint64_t> signed_event(const RecordView& checkpoint) {
  const auto parsed = audit::parse_checkpoint_line(checkpoint.payload);
  if (!parsed) return fail("a checkpoint can not be read");
  return parsed->point.seq;
}

Result<void> load_at_rest(Database& database, ledger::Ledger& ledger) {
  {
    TRY_ASSIGN(Statement rows, database.prepare(kGetAccounts));
    while (true) {
      TRY_ASSIGN(const bool row, rows.step());
      if (!row) break;
      TRY_ASSIGN(const ledger::AccountState state, read_account(rows));
      ledger.load(state);
    }
  }
  return each_hold(database, [&ledger](const ledger::HoldRecord& hold) { ledger.replay(hold); });
}

Result<std::unique_ptr<Projection>> Projection::load(Database& database) {
  std::unique_ptr<Projection> projection(new Projection());
  TRY(load_at_rest(database, projection->shadow_));
  TRY(each_hold(database, [&projection](const ledger::HoldRecord& hold) {
    projection->open_[hold.reservation] = hold;
    projection->stored_.insert(hold.reservation);
  }));
  TRY_ASSIGN(const int64_t position, sqlite::meta_integer(database, "projected_seq"));
  TRY_ASSIGN(const int64_t next, sqlite::meta_integer(database, "next_reservation"));
  projection->position_ = static_cast<uint64_t>(position);
  TRY_ASSIGN(const int64_t signed_seq, sqlite::meta_integer(database, "signed_seq"));
  projection->signed_seq_ = static_cast<uint64_t>(signed_seq);
  projection->next_reservation_ = static_cast<uint64_t>(std::max<int64_t>(next, 1));
  return projection;
}

std::optional<Money> Projection::note(const RecordView& record) {
  const auto touch = [this](const ledger::HoldRecord& hold) {
    for (size_t i = 0; i < hold.size; ++i)
      touched_.insert(hold.entries[i].account);
  };
  switch (record.type) {
    case RecordType::hold: {
      const auto hold = *decode_hold(record.payload);
      touch(hold);
      next_reservation_ = std::max(next_reservation_, hold.reservation + 1);
      open_[hold.reservation] = hold;
      return std::nullopt;
    }
    case RecordType::end: {
      const auto end = *decode_end(record.payload);
      const auto found = open_.find(end.reservation);
      touch(found->second);
      open_.erase(found);
      return end.cost;
    }
    case RecordType::write_off: {
      const auto write_off = *decode_write_off(record.payload);
      touched_.insert(write_off.account);
      return write_off.amount;
    }
    case RecordType::unblock:
      touched_.insert(*decode_account(record.payload));
      return std::nullopt;
    case RecordType::checkpoint:
      signed_seq_ = *signed_event(record);
      return std::nullopt;
    case RecordType::event:
      return std::nullopt;
  }
  return std::nullopt;
}

Result<size_t> Projection::advance(Database& database, JournalReader& reader, uint64_t up_to,
                                   size_t count_max) {
  if (position_ >= up_to) return 0;
  TRY_ASSIGN(auto transaction, sqlite::Transaction::begin(database));
  TRY_ASSIGN(EventWriter events, EventWriter::prepare(database));
  touched_.clear();
  size_t count = 0;
  uint64_t last = position_;
  while (count < count_max) {
    RecordView record;
    TRY_ASSIGN(const bool found, reader.next(record, up_to));
    if (!found) break;
    if (auto taken = replay(shadow_, record); !taken) {
      return fail(fmt::format("{}: {}", reader.place(), taken.error().message));
    }
    const std::optional<Money> cost = note(record);
    if (record.carries_event()) {
      TRY(events.insert(reader.chain().at().seq, record.event_json(), cost));
    }
    last = record.seq;
    ++count;
  }
  TRY(write_accounts(database));
  TRY(write_holds(database));
  TRY(sqlite::set_meta(database, "projected_seq", static_cast<int64_t>(last)));
  TRY(sqlite::set_meta(database, "next_reservation", static_cast<int64_t>(next_reservation_)));
  TRY(sqlite::set_meta(database, "signed_seq", static_cast<int64_t>(signed_seq_)));
  TRY(transaction.commit());
  position_ = last;
  return count;
}

Result<void> Projection::write_accounts(Database& database) {
  if (touched_.empty()) return {};
  TRY_ASSIGN(Statement put, database.prepare(kPutAccount));
  for (const AccountId& account : touched_) {
    if (const auto state = shadow_.state(account)) TRY(put_account(put, *state));
  }
  return {};
}

// Most holds begin and end within one batch; only those that cross its end are written.
Result<void> Projection::write_holds(Database& database) {
  TRY_ASSIGN(Statement remove, database.prepare("DELETE FROM holds WHERE reservation = ?"));
  for (auto it = stored_.begin(); it != stored_.end();) {
    if (open_.contains(*it)) {
      ++it;
      continue;
    }
    TRY(remove.bind(1, static_cast<int64_t>(*it)).run());
    it = stored_.erase(it);
  }
  TRY_ASSIGN(Statement put, database.prepare("INSERT INTO holds VALUES (?, ?)"));
  std::string bytes;
  for (const auto& [reservation, hold] : open_) {
    if (!stored_.insert(reservation).second) continue;
    bytes.clear();
    encode_hold(bytes, hold);
    TRY(put.bind(1, static_cast<int64_t>(reservation)).bind_blob(2, bytes).run());
  }
  return {};
}

}  // namespace satgate::store
