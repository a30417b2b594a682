// The laws of the ledger as bank statements: one line a step, what must come of it after "->".
//
//   limit NAME WINDOW AMOUNT       limits of an account from here on; names with # count calls
//   clock SECONDS                  the time of the following steps
//   ceiling NAME AMOUNT            durable authority; `leases auto` (default) grants what is asked
//   reserve R PATH AMOUNT          -> ok left=L | CODE NAME WINDOW left=L [resets=SECONDS]
//   settle R AMOUNT | release R | forfeit R   -> END COST left=L [overrun] [late]
//   expire SECONDS                 -> number of holds charged
//   carve CHILD PATH AMOUNT        -> as reserve
//   close CHILD, unblock NAME      -> yes | no
//   room PATH                      -> what fits
//   balance NAME                   -> spent S held H carved C [blocked]
//   window NAME WINDOW             -> spent S held H
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/text.h"
#include "ledger/ledger.h"

namespace satgate::ledger {
namespace {

Money amount_of(const std::string& text) {
  return parse_amount(text).value();
}

Time seconds_of(const std::string& text) {
  return Time::seconds(static_cast<int64_t>(parse_uint(text).value()));
}

Window window_of(const std::string& text) {
  for (const Window w : kAllWindows) {
    if (to_string(w) == text) return w;
  }
  ADD_FAILURE() << "no window " << text;
  return Window::lifetime;
}

class Statement {
 public:
  void run(std::string_view text) {
    std::istringstream lines{std::string(text)};
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
      if (trim(line).empty()) continue;
      const size_t arrow = line.find("->");
      std::istringstream words(line.substr(0, arrow));
      std::string wanted;
      if (arrow != std::string::npos) wanted = trim(std::string_view(line).substr(arrow + 2));
      EXPECT_EQ(step(words), wanted) << "line " << number << ": " << line;
    }
  }

 private:
  static AccountId id(const std::string& name) { return account_id("test", name); }
  static AccountKind kind(const std::string& name) {
    return name.starts_with('#') ? AccountKind::rate : AccountKind::token;
  }
  static std::string word(std::istringstream& in) {
    std::string text;
    in >> text;
    return text;
  }

  Path path(const std::string& names) {
    Path path;
    if (names == "none") return path;
    for (const std::string_view part : split(names, ',')) {
      const std::string name(part);
      EXPECT_TRUE(path.add({id(name), kind(name), limits_[name], {}}));
    }
    return path;
  }

  static std::string show(Money money) {
    return money == Money::max() ? "max" : format_credits(money);
  }

  static std::string show(const Misfit& misfit, const std::string& names) {
    std::string text(code(misfit.refusal));
    const auto parts = split(names, ',');
    text += " " + std::string(parts.at(misfit.entry)) + " " + std::string(to_string(misfit.window));
    text += " left=" + show(misfit.remaining);
    if (misfit.resets_at) text += " resets=" + std::to_string(misfit.resets_at->unix_seconds());
    return text;
  }

  std::string reserve(const std::string& name, const std::string& names, Money amount) {
    HoldRecord record;
    auto result = ledger_.reserve(path(names), amount, now_, record);
    if (!result && std::holds_alternative<LeaseShortage>(result.error())) {
      const auto& shortage = std::get<LeaseShortage>(result.error());
      if (!auto_lease_) return "lease " + show(shortage.needs[0].ceiling_min);
      for (size_t i = 0; i < shortage.size; ++i) {
        const auto& need = shortage.needs[i];
        ledger_.raise_ceiling(need.account, need.kind, need.ceiling_min);
      }
      result = ledger_.reserve(path(names), amount, now_, record);
    }
    if (!result) return show(std::get<Misfit>(result.error()), names);
    const std::string left = show(result->remaining());
    open_.insert_or_assign(name, std::move(*result));
    return "ok left=" + left;
  }

  std::string end(const std::string& how, std::istringstream& in) {
    const std::string name = word(in);
    auto node = open_.extract(name);
    if (node.empty()) return "no such reservation";
    EndRecord record;
    Reservation reservation = std::move(node.mapped());
    const Receipt receipt =
        how == "settle"    ? ledger_.settle(std::move(reservation), amount_of(word(in)), record)
        : how == "release" ? ledger_.release(std::move(reservation), record)
                           : ledger_.forfeit(std::move(reservation), record);
    static const std::map<Receipt::End, std::string> kEnds = {
        {Receipt::End::settled, "settled"},
        {Receipt::End::voided, "voided"},
        {Receipt::End::forfeited, "forfeited"}};
    std::string text = kEnds.at(receipt.end()) + " " + show(receipt.cost());
    text += " left=" + show(receipt.remaining());
    if (receipt.overrun()) text += " overrun";
    if (record.reservation == 0) text += " late";
    return text;
  }

  std::string carve(std::istringstream& in) {
    const std::string child = word(in);
    const std::string names = word(in);
    CarveState state;
    const auto result = ledger_.carve(path(names), id(child), amount_of(word(in)), now_, state);
    return result ? "ok" : show(result.error(), names);
  }

  std::string balance(std::istringstream& in) {
    const Balance balance = ledger_.balance(id(word(in)), now_);
    std::string text = "spent " + show(balance.spent) + " held " + show(balance.held) + " carved " +
                       show(balance.carved);
    if (balance.blocked) text += " blocked";
    return text;
  }

  std::string step(std::istringstream& in) {
    const std::string op = word(in);
    if (op == "limit") {
      const std::string name = word(in);
      const Window window = window_of(word(in));
      const std::string amount = word(in);
      limits_[name][window] = amount == "none" ? Money::max() : amount_of(amount);
    } else if (op == "clock") {
      now_ = seconds_of(word(in));
    } else if (op == "leases") {
      auto_lease_ = word(in) == "auto";
    } else if (op == "ceiling") {
      const std::string name = word(in);
      ledger_.raise_ceiling(id(name), kind(name), amount_of(word(in)));
    } else if (op == "reserve") {
      const std::string name = word(in);
      const std::string names = word(in);
      return reserve(name, names, amount_of(word(in)));
    } else if (op == "settle" || op == "release" || op == "forfeit") {
      return end(op, in);
    } else if (op == "expire") {
      return std::to_string(ledger_.expire(seconds_of(word(in))).size());
    } else if (op == "carve") {
      return carve(in);
    } else if (op == "close") {
      return ledger_.close_carve(id(word(in))) ? "yes" : "no";
    } else if (op == "block") {
      ledger_.block(id(word(in)));
    } else if (op == "unblock") {
      return ledger_.unblock(id(word(in))) ? "yes" : "no";
    } else if (op == "room") {
      return show(ledger_.headroom(path(word(in)), now_));
    } else if (op == "balance") {
      return balance(in);
    } else if (op == "window") {
      const Balance balance = ledger_.balance(id(word(in)), now_);
      const auto w = static_cast<size_t>(window_of(word(in)));
      return "spent " + show(balance.window_spent.at(w)) + " held " +
             show(balance.window_held.at(w));
    } else {
      return "unknown step";
    }
    return "";
  }

  Ledger ledger_;
  std::map<std::string, SpendLimits> limits_;
  std::map<std::string, Reservation> open_;
  Time now_ = Time::seconds(0);
  bool auto_lease_ = true;
};

TEST(Cap, HoldsCountFullyUntilTheyEnd) {
  Statement().run(R"(
    limit A lifetime 10
    reserve r1 A 4      -> ok left=6
    reserve r2 A 6      -> ok left=0
    reserve r3 A 1      -> budget_in_flight A lifetime left=0
    balance A           -> spent 0 held 10 carved 0
    settle r1 3         -> settled 3 left=1
    reserve r3 A 1      -> ok left=0
    release r3          -> voided 0 left=1
    forfeit r2          -> forfeited 6 left=1
    balance A           -> spent 9 held 0 carved 0
    reserve r4 A 1      -> ok left=0
    settle r4 1         -> settled 1 left=0
    reserve r5 A 0      -> ok left=0
    reserve r6 A 0.000000001 -> budget_exhausted A lifetime left=0
  )");
}

TEST(Cap, AllAccountsOfThePathOrNone) {
  Statement().run(R"(
    limit token lifetime 10
    limit team lifetime 5
    reserve r1 token,team 4   -> ok left=1
    reserve r2 token,team 2   -> budget_in_flight team lifetime left=1
    balance token             -> spent 0 held 4 carved 0
    settle r1 4               -> settled 4 left=1
    reserve r3 token,team 2   -> budget_exhausted team lifetime left=1
    reserve r4 token 6        -> ok left=0
    balance team              -> spent 4 held 0 carved 0
  )");
}

TEST(Cap, PathWithoutAccountsAlwaysFits) {
  Statement().run(R"(
    reserve r1 none 1000000 -> ok left=max
    room none               -> max
    settle r1 1             -> settled 1 left=max
  )");
}

TEST(Cap, AccountWithoutLimitsIsCounted) {
  Statement().run(R"(
    leases manual
    reserve r1 A 1000   -> ok left=max
    settle r1 999       -> settled 999 left=max
    balance A           -> spent 999 held 0 carved 0
    limit A lifetime 1000
    reserve r2 A 2      -> budget_exhausted A lifetime left=1
    reserve r2 A 1      -> lease 1000
    ceiling A 1000
    reserve r2 A 1      -> ok left=0
  )");
}

// Sums of two holds of the largest amount would saturate, and come back as money nobody had.
TEST(Cap, NumbersEndBeforeTheySaturate) {
  Statement().run(R"(
    reserve r1 A 9223372036 -> ok left=max
    reserve r2 A 9223372036 -> budget_in_flight A lifetime left=0.854775807
    release r1              -> voided 0 left=max
    balance A               -> spent 0 held 0 carved 0
  )");
}

TEST(Cap, AccountTwiceOnThePathCountsOnceWithTheTighterLimits) {
  Path path;
  SpendLimits wide;
  wide[Window::lifetime] = Money::credits(10);
  SpendLimits tight;
  tight[Window::lifetime] = Money::credits(3);
  const AccountId id = account_id("test", "A");
  ASSERT_TRUE(path.add({id, AccountKind::token, wide, {}}));
  ASSERT_TRUE(path.add({id, AccountKind::token, tight, {}}));
  Ledger ledger;
  ledger.raise_ceiling(id, AccountKind::token, Money::credits(10));
  HoldRecord record;
  EXPECT_FALSE(ledger.reserve(path, Money::credits(4), {}, record));
  ASSERT_TRUE(ledger.reserve(path, Money::credits(3), {}, record));
  EXPECT_EQ(record.size, 1u);
  EXPECT_EQ(ledger.balance(id, {}).held, Money::credits(3));
}

TEST(Windows, EachBeginsAgainAndTheLifetimeDoesNot) {
  Statement().run(R"(
    limit A hour 5
    limit A lifetime 8
    clock 3599
    reserve r1 A 5    -> ok left=0
    settle r1 5       -> settled 5 left=0
    reserve r2 A 1    -> budget_exceeded A hour left=0 resets=3600
    clock 3600
    reserve r2 A 4    -> budget_exhausted A lifetime left=3
    reserve r2 A 3    -> ok left=0
  )");
}

TEST(Windows, HoldBelongsToTheWindowItWasMadeIn) {
  Statement().run(R"(
    limit A hour 5
    clock 3599
    reserve r1 A 5     -> ok left=0
    clock 3600
    window A hour      -> spent 0 held 0
    reserve r2 A 4     -> ok left=1
    settle r1 5        -> settled 5 left=1
    window A hour      -> spent 0 held 4
    settle r2 4        -> settled 4 left=1
    window A hour      -> spent 4 held 0
    balance A          -> spent 9 held 0 carved 0
  )");
}

TEST(Windows, ClockSteppingBackOpensNoOldWindow) {
  Statement().run(R"(
    limit A hour 5
    clock 7200
    reserve r1 A 5   -> ok left=0
    settle r1 5      -> settled 5 left=0
    clock 3000
    reserve r2 A 1   -> budget_exceeded A hour left=0 resets=10800
    window A hour    -> spent 5 held 0
    clock 10800
    reserve r2 A 1   -> ok left=4
  )");
}

TEST(Windows, RefusedCallMovesNoWindow) {
  Statement().run(R"(
    limit A hour 5
    clock 0
    reserve r1 A 3   -> ok left=2
    settle r1 3      -> settled 3 left=2
    clock 999999
    reserve r2 A 6   -> request_exceeds_budget A hour left=5
    clock 60
    reserve r3 A 3   -> budget_exceeded A hour left=2 resets=3600
  )");
}

TEST(Windows, LongestFullWindowSaysWhenToComeBack) {
  Statement().run(R"(
    limit A minute 5
    limit A day 5
    limit A month 5
    reserve r1 A 5   -> ok left=0
    settle r1 5      -> settled 5 left=0
    reserve r2 A 1   -> budget_exceeded A month left=0 resets=2678400
  )");
}

TEST(Misfits, PrecedenceOverThePath) {
  Statement().run(R"(
    limit held lifetime 5
    limit spent day 5
    limit gone lifetime 5
    limit small hour 1
    limit #calls minute 1
    reserve r1 held 5                             -> ok left=0
    reserve r2 spent 5                            -> ok left=0
    settle r2 5                                   -> settled 5 left=0
    reserve r3 gone 5                             -> ok left=0
    settle r3 5                                   -> settled 5 left=0
    reserve r4 #calls 0                           -> ok left=max
    block bad
    reserve r held 2                              -> budget_in_flight held lifetime left=0
    reserve r held,spent 2                        -> budget_exceeded spent day left=0 resets=86400
    reserve r held,spent,gone 2                   -> budget_exhausted gone lifetime left=0
    reserve r held,spent,gone,small 2             -> request_exceeds_budget small hour left=1
    reserve r held,spent,gone,small,#calls 2      -> rate_limited #calls minute left=0 resets=60
    reserve r held,spent,gone,small,#calls,bad 2  -> account_blocked bad lifetime left=0
    room held,bad                                 -> 0
  )");
}

TEST(Misfits, EarlierEntryWinsAmongEquals) {
  Statement().run(R"(
    limit A lifetime 5
    limit B lifetime 1
    reserve r1 A,B 1 -> ok left=0
    settle r1 1      -> settled 1 left=0
    reserve r2 A,B 5 -> request_exceeds_budget B lifetime left=0
    limit B lifetime 5
    reserve r2 A,B 5 -> budget_exhausted A lifetime left=4
    reserve r2 B,A 5 -> budget_exhausted B lifetime left=4
  )");
}

TEST(Rates, BySecondBeginAgainEachSecondAndNeverWhenTheClockStepsBack) {
  Statement().run(R"(
    limit #r second 2
    reserve r1 A,#r 1 -> ok left=max
    reserve r2 A,#r 1 -> ok left=max
    reserve r3 A,#r 1 -> rate_limited #r second left=0 resets=1
    clock 1
    reserve r3 A,#r 1 -> ok left=max
    clock 0
    reserve r4 A,#r 1 -> ok left=max
    reserve r5 A,#r 1 -> rate_limited #r second left=0 resets=2
    settle r1 0       -> settled 0 left=max
    window #r second  -> spent 0 held 2
  )");
}

TEST(Rates, CountCallsNotMoney) {
  Statement().run(R"(
    limit #r minute 2
    limit A lifetime 100
    leases manual
    ceiling A 100
    reserve r1 A,#r 40 -> ok left=60
    reserve r2 A,#r 40 -> ok left=20
    reserve r3 A,#r 1  -> rate_limited #r minute left=0 resets=60
    release r1         -> voided 0 left=60
    reserve r3 A,#r 1  -> ok left=59
    settle r3 0        -> settled 0 left=60
    forfeit r2         -> forfeited 40 left=60
    window #r minute   -> spent 2 held 0
    reserve r4 A,#r 1  -> rate_limited #r minute left=0 resets=60
    clock 60
    reserve r4 A,#r 1  -> ok left=59
    balance #r         -> spent 2 held 1 carved 0
  )");
}

TEST(Leases, NothingIsSpentBeyondDurableAuthority) {
  Statement().run(R"(
    leases manual
    limit A lifetime 10
    reserve r1 A 4  -> lease 4
    balance A       -> spent 0 held 0 carved 0
    ceiling A 5
    reserve r1 A 4  -> ok left=6
    reserve r2 A 2  -> lease 6
    settle r1 1     -> settled 1 left=9
    reserve r2 A 2  -> ok left=7
    ceiling A 3
    reserve r3 A 2  -> ok left=5
    reserve r4 A 20 -> request_exceeds_budget A lifetime left=5
  )");
}

TEST(Leases, ShortageNamesEveryAccountAtOnce) {
  SpendLimits limited;
  limited[Window::day] = Money::credits(10);
  Path path;
  const AccountId a = account_id("test", "A");
  const AccountId b = account_id("test", "B");
  ASSERT_TRUE(path.add({a, AccountKind::token, limited, {}}));
  ASSERT_TRUE(path.add({account_id("test", "R"), AccountKind::rate, limited, {}}));
  ASSERT_TRUE(path.add({account_id("test", "free"), AccountKind::tool, {}, {}}));
  ASSERT_TRUE(path.add({b, AccountKind::budget, limited, {}}));
  Ledger ledger;
  HoldRecord record;
  const auto result = ledger.reserve(path, Money::credits(2), {}, record);
  ASSERT_FALSE(result);
  const auto& shortage = std::get<LeaseShortage>(result.error());
  ASSERT_EQ(shortage.size, 2u);
  EXPECT_EQ(shortage.needs[0].account, a);
  EXPECT_EQ(shortage.needs[1].account, b);
  EXPECT_EQ(shortage.needs[1].kind, AccountKind::budget);
  EXPECT_EQ(shortage.needs[1].ceiling_min, Money::credits(2));
  EXPECT_EQ(shortage.needs[1].limit, Money::max());
}

TEST(Overrun, ChargesTheHoldAndBlocksUntilCleared) {
  Statement().run(R"(
    limit A lifetime 10
    limit B lifetime 10
    reserve r1 A,B 2 -> ok left=8
    settle r1 3      -> settled 2 left=8 overrun
    balance A        -> spent 2 held 0 carved 0 blocked
    balance B        -> spent 2 held 0 carved 0
    reserve r2 A,B 1 -> account_blocked A lifetime left=0
    reserve r2 B 1   -> ok left=7
    unblock A        -> yes
    unblock A        -> no
    reserve r3 A,B 1 -> ok left=6
  )");
}

TEST(Expiry, ChargesInFullAndALateEndChangesNothing) {
  Statement().run(R"(
    limit A lifetime 10
    clock 100
    reserve r1 A 4   -> ok left=6
    clock 101
    reserve r2 A 3   -> ok left=3
    expire 99        -> 0
    expire 100       -> 1
    balance A        -> spent 4 held 3 carved 0
    reserve r3 A 1   -> ok left=2
    settle r1 1      -> forfeited 4 left=6 late
    release r2       -> voided 0 left=5
    balance A        -> spent 4 held 1 carved 0
    expire 200       -> 1
    expire 200       -> 0
  )");
}

TEST(Carves, MoveOutAtOnceAndComeBackUnspent) {
  Statement().run(R"(
    limit P lifetime 10
    limit C lifetime 6
    carve C P 6        -> ok
    balance P          -> spent 0 held 0 carved 6
    reserve r1 P 5     -> budget_exhausted P lifetime left=4
    reserve r1 P 4     -> ok left=0
    reserve r2 P,C 5   -> ok left=1
    balance P          -> spent 0 held 9 carved 1
    settle r2 2        -> settled 2 left=4
    balance P          -> spent 2 held 4 carved 4
    reserve r3 P,C 5   -> budget_exhausted C lifetime left=4
    room P,C           -> 4
    room P             -> 0
    close C            -> yes
    close C            -> no
    balance P          -> spent 2 held 4 carved 0
    room P             -> 4
    room P,C           -> 4
  )");
}

TEST(Carves, NeedTheParentsHeadroom) {
  Statement().run(R"(
    limit P lifetime 10
    limit P hour 5
    reserve r1 P 4   -> ok left=1
    carve C P 6      -> request_exceeds_budget P hour left=5
    limit P hour none
    carve C P 7      -> budget_in_flight P lifetime left=6
    settle r1 4      -> settled 4 left=1
    carve C P 7      -> budget_exhausted P lifetime left=6
    carve C P 11     -> request_exceeds_budget P lifetime left=6
    carve C P 6      -> ok
    carve D P 1      -> budget_exhausted P lifetime left=0
    carve C P 0      -> account_blocked P lifetime left=0
    block P
    carve E P 0      -> account_blocked P lifetime left=0
  )");
}

TEST(Carves, WindowsOfTheParentStillBind) {
  Statement().run(R"(
    limit P lifetime 100
    limit P hour 5
    limit C lifetime 5
    carve C P 5      -> ok
    reserve r1 P 3   -> ok left=2
    reserve r2 P,C 3 -> budget_in_flight P hour left=2 resets=3600
    settle r1 3      -> settled 3 left=2
    reserve r2 P,C 3 -> budget_exceeded P hour left=2 resets=3600
    reserve r2 P,C 2 -> ok left=0
  )");
}

TEST(Carves, GrandchildSpendsOutOfItsParentsCarve) {
  Statement().run(R"(
    limit P lifetime 10
    limit C lifetime 6
    limit G lifetime 4
    carve C P 6         -> ok
    carve G P,C 4       -> ok
    balance P           -> spent 0 held 0 carved 6
    balance C           -> spent 0 held 0 carved 4
    reserve r1 P,C 3    -> budget_exhausted C lifetime left=2
    reserve r1 P,C 2    -> ok left=0
    reserve r2 P,C,G 4  -> ok left=0
    balance P           -> spent 0 held 6 carved 0
    balance C           -> spent 0 held 6 carved 0
    settle r2 1         -> settled 1 left=3
    balance P           -> spent 1 held 2 carved 3
    balance C           -> spent 1 held 2 carved 3
    close G             -> yes
    balance C           -> spent 1 held 2 carved 0
    balance P           -> spent 1 held 2 carved 3
  )");
}

TEST(Carves, ParentClosedWhileItsChildIsOpenAndHolds) {
  Statement().run(R"(
    limit P lifetime 10
    limit C lifetime 6
    limit G lifetime 4
    carve C P 6         -> ok
    carve G P,C 4       -> ok
    reserve r1 P,C,G 3  -> ok left=1
    close C             -> yes
    balance P           -> spent 0 held 3 carved 0
    balance C           -> spent 0 held 3 carved 1
    reserve r2 P 8      -> budget_in_flight P lifetime left=7
    reserve r2 P 7      -> ok left=0
    settle r1 1         -> settled 1 left=2
    balance P           -> spent 1 held 7 carved 0
    balance C           -> spent 1 held 0 carved 3
    reserve r3 P,C,G 3  -> budget_in_flight P lifetime left=2
    close G             -> yes
    balance C           -> spent 1 held 0 carved 0
    settle r2 7         -> settled 7 left=2
    balance P           -> spent 8 held 0 carved 0
  )");
}

TEST(Carves, ChildWithARaisedLimitGetsNoMoreThanWasCarved) {
  Statement().run(R"(
    limit P lifetime 10
    limit C lifetime 100
    carve C P 6      -> ok
    reserve r1 P,C 6 -> ok left=4
    reserve r2 P,C 5 -> budget_in_flight P lifetime left=4
    reserve r2 P,C 4 -> ok left=0
    release r1       -> voided 0 left=6
    balance P        -> spent 0 held 4 carved 2
    release r2       -> voided 0 left=10
    balance P        -> spent 0 held 0 carved 6
  )");
}

TEST(Carves, LoweredParentLimitBindsTheCarvedPartToo) {
  Statement().run(R"(
    limit P lifetime 10
    limit C lifetime 8
    carve C P 8      -> ok
    limit P lifetime 3
    reserve r1 P,C 4 -> request_exceeds_budget P lifetime left=3
    reserve r1 P,C 2 -> ok left=1
    reserve r2 P 1   -> budget_exhausted P lifetime left=0
    settle r1 2      -> settled 2 left=1
    reserve r2 P,C 2 -> budget_exhausted P lifetime left=1
  )");
}

// The named budget of a token can be changed after the carve: what the child spends then is the new
// budget's money, and the old one gets all of its own back.
TEST(Carves, GiverThatLeftThePathGetsEverythingBack) {
  Statement().run(R"(
    limit P lifetime 10
    limit old lifetime 10
    limit new lifetime 3
    limit C lifetime 6
    carve C old,P 6      -> ok
    reserve r1 new,P,C 4 -> request_exceeds_budget new lifetime left=3
    reserve r1 new,P,C 3 -> ok left=0
    settle r1 2          -> settled 2 left=1
    balance old          -> spent 0 held 0 carved 4
    balance new          -> spent 2 held 0 carved 0
    close C              -> yes
    balance old          -> spent 0 held 0 carved 0
  )");
}

TEST(Carves, RatesAreNotCharged) {
  Statement().run(R"(
    limit P lifetime 10
    limit #r hour 1
    reserve r1 #r 0   -> ok left=max
    carve C P,#r 5    -> ok
    balance #r        -> spent 0 held 1 carved 0
  )");
}

}  // namespace
}  // namespace satgate::ledger
