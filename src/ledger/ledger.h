// The ledger owns Law 1: for every account, at every instant, in every window and over the
// lifetime,
//
//     spent + held + carved <= limit
//
// A pure state machine: no I/O, time is a parameter. One mutex guards it; every operation is a
// short walk over one path. Making it durable is room store/'s work, through three facts:
//  - `ceiling`: how much an account may have spent and held without asking the store again (a lease
//    that is on disk before it is used). `reserve` answers LeaseShortage instead of exceeding it.
//  - `HoldRecord` and `EndRecord`: what a journal must say so that `replay_*` rebuilds the same
//  state.
//  - `AccountState`: a snapshot to start the replay from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/money.h"
#include "base/time.h"
#include "contract/path.h"
#include "contract/refusal.h"
#include "contract/reservation.h"
#include "ledger/calendar.h"

namespace satgate::ledger {

// Why a call does not fit, with the numbers of the account and window that decided. Among several,
// the first in the order of the Refusal enum wins; among equals the earlier entry of the path.
struct Misfit {
  Refusal refusal = Refusal::budget_exhausted;
  size_t entry = 0;  // index into the path
  Window window = Window::lifetime;
  Money limit, spent, held, remaining, required;
  std::optional<Time> resets_at;  // windows only
};

// The call fits, but the accounts named here need more durable authority first. Ask the store to
// raise each ceiling to at least `ceiling_min`, then reserve again.
struct LeaseShortage {
  struct Need {
    AccountId account;
    AccountKind kind = AccountKind::token;
    Money ceiling_min;
    Money limit;  // the lifetime limit: a lease beyond it would be useless
    Money call;   // the amount of the call that asks
  };
  std::array<Need, limits::path_accounts_max> needs{};
  size_t size = 0;
};

using ReserveError = std::variant<Misfit, LeaseShortage>;

// What a reservation holds, as the journal writes it.
struct HoldRecord {
  struct Entry {
    AccountId account;
    AccountKind kind = AccountKind::token;
    // The windows the hold counts in, whatever comes between: those of `at`, or the later ones in
    // which the account stood because the clock had stepped back. A replay takes them from here
    // and computes none, so that it does not depend on the zone of today.
    WindowEnds windows{};
  };
  uint64_t reservation = 0;
  Time at;
  Money amount;
  std::array<Entry, limits::path_accounts_max> entries{};
  size_t size = 0;
};

// How it ended. `reservation` 0: nothing ended, because `expire` had charged the reservation
// before; then there is nothing to journal, and the receipt says forfeited.
struct EndRecord {
  uint64_t reservation = 0;
  Receipt::End end = Receipt::End::settled;
  Money cost;
  bool overrun = false;
};

// One account at rest.
struct AccountState {
  AccountId account;
  AccountKind kind = AccountKind::token;
  Money spent;  // over the lifetime
  WindowEnds window_end{};
  std::array<Money, kWindowCount - 1> window_spent{};
  Money ceiling;
  bool blocked = false;
};

// The windows of an account were made to end at other instants, with what was used in them.
struct MovedWindows {
  AccountId account;
  WindowEnds windows{};
};

// What a checkpoint must write to follow the ledger from one take_changes() to the next.
struct Changes {
  std::vector<AccountState> accounts;  // charged, held, blocked or unblocked since
  std::vector<HoldRecord> held;        // made since, without an end
  std::vector<uint64_t> ended;         // of earlier `held`: ended since
  uint64_t next_reservation = 1;
};

// A child's budget, moved out of its parents at `mint`.
struct CarveState {
  AccountId child;  // the lineage account of the child's budget
  Money amount;
  std::vector<AccountId> from;  // accounts with a lifetime limit that gave it
  bool open = true;             // closed: the unspent part has returned
};

// For lists and reports.
struct Balance {
  Money spent, held, carved;
  std::array<Money, kWindowCount - 1> window_spent{};  // in the windows that contain `now`
  std::array<Money, kWindowCount - 1> window_held{};
  bool blocked = false;
};

// What an account may have spent that the journal does not know any more: all that its lease
// allowed beyond what is known. Over its lifetime the open holds, which are charged in full, are a
// part of it. In a window only those made in that window are: what an older one left free may have
// been spent again in this one.
struct Loss {
  Money amount;
  WindowEnds windows{};  // it counts in
  std::array<Money, kCalendarWindows> in_window{};

  bool any() const;
};

class Ledger {
 public:
  explicit Ledger(TimeZone zone = {});
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // Holds `worst` on all money accounts of the path and one call on all rate accounts, or changes
  // nothing. On success `record` says what to journal before the call is forwarded.
  // A path without entries is allowed (observe): it holds nothing and always fits.
  // An account that stands twice on the path counts once, with the tighter limits. Refusals change
  // nothing, not even the windows. REQUIRES: worst >= 0.
  // Accounts whose lease is half used up are told in `low`, once for each ceiling: who raises them
  // ahead of need spares later calls the wait.
  std::expected<Reservation, ReserveError> reserve(const Path& path, Money worst, Time now,
                                                   HoldRecord& record,
                                                   std::optional<LeaseShortage>* low = nullptr);

  // Ends a reservation, exactly once (it is moved in). The money goes to the windows in which it
  // was held; a window that is over by then stays as it is.
  //  settle:  `actual` was spent. More than was held is an overrun: the whole hold is charged, and
  //           the first account of the path is blocked until `unblock`.
  //  release: nothing was sent upstream: costs nothing, and the rate accounts get their call back.
  //  forfeit: something was sent and the outcome is unknown: the whole hold is charged.
  Receipt settle(Reservation reservation, Money actual, EndRecord& record);
  Receipt release(Reservation reservation, EndRecord& record);
  Receipt forfeit(Reservation reservation, EndRecord& record);

  // Charges in full every reservation made at or before `deadline` that has no end yet, in the
  // order of their ids.
  std::vector<EndRecord> expire(Time deadline);

  // What fits on the money accounts of the path right now, but for leases; Money::max() where
  // nothing limits it, zero where an account is blocked.
  Money headroom(const Path& path, Time now) const;
  // The least share that a limit of these accounts has left, in whole percent, rounded down; 100
  // where nothing limits.
  int percent_left(const Path& path, Time now) const;

  // Raises the durable authority of an account. Lower values are ignored.
  void raise_ceiling(const AccountId& account, AccountKind kind, Money ceiling);

  // Moves `amount` out of every money account of the parent's path that has a lifetime limit and is
  // not covered by another carve of the path, into the child's account. What the child then spends
  // or holds comes out of the carved part of those accounts. Refused with the same Misfit as a call
  // of that size would be; of windows and rates only their size counts, nothing is charged to them.
  // A child that has a history is refused as account_blocked: its balance would not start at zero.
  // `state` says what to store. REQUIRES: amount >= 0.
  std::expected<void, Misfit> carve(const Path& parent_path, const AccountId& child, Money amount,
                                    Time now, CarveState& state);
  // Returns what the child has neither spent nor holds; what it holds now ends like any other hold.
  // A carve out of the child stays open. False if there is no such open carve.
  bool close_carve(const AccountId& child);

  void block(const AccountId& account);
  bool unblock(const AccountId& account);  // false if it was not blocked

  Balance balance(const AccountId& account, Time now) const;
  size_t held_count() const;  // reservations without an end

  // Recovery, before any other use: load what was at rest, then replay the journal from there.
  // Replaying checks no limits: it says what happened. Afterwards `finish_recovery` charges in full
  // every hold without an end, and sets the next reservation id above all seen. Where a buyer has
  // paid for the call it costs nothing: the buyer has no answer, and may ask again.
  void load(const AccountState& state);
  void load(const CarveState& state);
  void load(const HoldRecord& record);  // one that a checkpoint has stored
  void replay(const HoldRecord& record);
  // False when the reservation is unknown (its hold lies before the snapshot, or it ended before):
  // the caller must treat the journal as damaged. An overrun blocks the first account again.
  bool replay(const EndRecord& record);
  std::vector<EndRecord> finish_recovery(uint64_t next_reservation_min);
  void replay(const MovedWindows& record);
  // After finish_recovery(): windows that were opened under another zone, or other rules of this
  // one, end from now on where a window of this zone ends, never earlier than before. So what was
  // used in a window that still runs is not forgotten, and none of this zone overlaps it. What was
  // moved is to be journaled.
  std::vector<MovedWindows> move_windows();
  // What a power failure may have taken. REQUIRES: the journal is replayed, and finish_recovery()
  // has not been called yet.
  Loss loss_of(const AccountId& account, Money ceiling, Time now) const;
  // Charges it.
  void write_off(const AccountId& account, const Loss& loss);

  // What changed since the last call, or since what was loaded. Cheap where little changed.
  void take_changes(Changes& into);
  // Everything at rest. Holds without an end are not in it.
  std::vector<AccountState> snapshot() const;
  // The same of one account, or nothing if it was never charged, leased or loaded.
  std::optional<AccountState> state(const AccountId& account) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace satgate::ledger
