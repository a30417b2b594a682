// Limits of an account: one amount a window, over calendar windows in a time zone and over the
// lifetime.
// The same shape limits money (nano-credits) and calls (a rate: one call is one whole unit).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/money.h"
#include "base/time.h"
#include "base/time_zone.h"

namespace satgate {

enum class Window : uint8_t { second, minute, hour, day, month, lifetime };
inline constexpr size_t kWindowCount = 6;
inline constexpr std::array kAllWindows = {Window::second, Window::minute, Window::hour,
                                           Window::day,    Window::month,  Window::lifetime};

std::string_view to_string(Window window);  // "hour"
std::string_view adjective(Window window);  // "Hourly", for messages; "Total" for lifetime

// The window that contains an instant, in unix seconds; the lifetime is all of time. Windows of a
// kind never overlap, so its end names a window, in every zone (docs/decisions/0019-time-zones.md).
Span window_span(Window window, Time t, const TimeZone& zone = {});

struct SpendLimits {
  std::array<Money, kWindowCount> max = {Money::max(), Money::max(), Money::max(),
                                         Money::max(), Money::max(), Money::max()};

  constexpr Money& operator[](Window w) { return max[static_cast<size_t>(w)]; }
  constexpr Money operator[](Window w) const { return max[static_cast<size_t>(w)]; }
  constexpr bool limits(Window w) const { return (*this)[w] != Money::max(); }
  constexpr bool any() const {
    for (const Money m : max) {
      if (m != Money::max()) return true;
    }
    return false;
  }
  constexpr bool operator==(const SpendLimits&) const = default;
};

}  // namespace satgate
