#include "ledger/account.h"

#include <algorithm>
#include <chrono>

namespace satgate::ledger {
namespace {

Time saturated_seconds(int64_t seconds) {
  return Time{(Money::nano(kNanoPerSecond) * seconds).nano()};
}

}  // namespace

WindowIndexes window_indexes(Time now) {
  WindowIndexes indexes;
  for (size_t w = 0; w < kCalendarWindows; ++w)
    indexes[w] = window_index(kAllWindows[w], now);
  return indexes;
}

Time window_end_at(Window window, int64_t index) {
  switch (window) {
    case Window::second:
      return saturated_seconds(index + 1);
    case Window::minute:
      return saturated_seconds((index + 1) * 60);
    case Window::hour:
      return saturated_seconds((index + 1) * 3600);
    case Window::day:
      return saturated_seconds((index + 1) * 86400);
    case Window::month: {
      using namespace std::chrono;
      const year_month next = year(1970) / January + months(index + 1);
      return saturated_seconds(sys_days(next / 1).time_since_epoch().count() * int64_t{86400});
    }
    case Window::lifetime:
      break;
  }
  return Time{INT64_MAX};
}

// Windows nest: where the last of them begins, none has ended.
Time instant_in(const WindowIndexes& windows) {
  Time latest{INT64_MIN};
  for (size_t w = 0; w < kCalendarWindows; ++w)
    latest = std::max(latest, window_end_at(kAllWindows[w], windows[w] - 1));
  return latest;
}

void change_use(Account& account, Money spent_delta, Money held_delta) {
  const Carve* carve = account.carve;
  const Money left_before = carve != nullptr ? carve->left() : Money();
  account.spent += spent_delta;
  account.held += held_delta;
  if (carve == nullptr) return;
  const Money taken = left_before - carve->left();
  for (Account* parent : carve->from)
    parent->carved -= taken;
}

Use use_in(const Account& account, Window window, const WindowIndexes& now) {
  if (window == Window::lifetime) return {account.spent, account.held};
  const auto w = static_cast<size_t>(window);
  const WindowUse& use = account.windows[w];
  return use.index >= now[w] ? Use{use.spent, use.held} : Use{};
}

Money room(const Account& account, Window window, Money limit, const Use& use, Money covered) {
  const Money unused = max(Money(), limit - use.spent - use.held);
  if (window != Window::lifetime) return unused;
  // A limit lowered under what was carved leaves nothing free, yet the carved part may still be
  // spent as long as the spending itself stays within the limit.
  const Money free = max(Money(), unused - account.carved);
  return min(unused, free + covered);
}

}  // namespace satgate::ledger
