// Which windows an instant lies in. Asked for every call, so it is computed anew only when the
// clock has left one of the windows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/time.h"
#include "base/time_zone.h"
#include "contract/spend_limits.h"

namespace satgate::ledger {

// Second, minute, hour, day, month: the windows that begin again.
inline constexpr size_t kCalendarWindows = kWindowCount - 1;

// The end of each, in unix seconds.
using WindowEnds = std::array<int64_t, kCalendarWindows>;

// Not thread-safe.
class Calendar {
 public:
  explicit Calendar(TimeZone zone) : zone_(std::move(zone)) {}

  // The windows of `now`. Good until the next call.
  const WindowEnds& at(Time now);
  // The window of this kind that contains `second`.
  Span span(Window window, int64_t second) const {
    return window_span(window, Time::seconds(second), zone_);
  }

 private:
  TimeZone zone_;
  std::array<Span, kCalendarWindows> spans_{};
  WindowEnds ends_{};
  Span all_{};  // in all of them at once
};

}  // namespace satgate::ledger
