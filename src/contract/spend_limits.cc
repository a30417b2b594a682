#include "contract/spend_limits.h"

#include <utility>

namespace satgate {

std::string_view to_string(Window window) {
  switch (window) {
    case Window::second:
      return "second";
    case Window::minute:
      return "minute";
    case Window::hour:
      return "hour";
    case Window::day:
      return "day";
    case Window::month:
      return "month";
    case Window::lifetime:
      return "lifetime";
  }
  std::unreachable();
}

std::string_view adjective(Window window) {
  switch (window) {
    case Window::second:
      return "Per-second";
    case Window::minute:
      return "Per-minute";
    case Window::hour:
      return "Hourly";
    case Window::day:
      return "Daily";
    case Window::month:
      return "Monthly";
    case Window::lifetime:
      return "Total";
  }
  std::unreachable();
}

Span window_span(Window window, Time t, const TimeZone& zone) {
  const int64_t second = t.unix_seconds();
  switch (window) {
    case Window::second:
      return {second, second + 1};
    case Window::minute:
      return zone.minute(second);
    case Window::hour:
      return zone.hour(second);
    case Window::day:
      return zone.day(second);
    case Window::month:
      return zone.month(second);
    case Window::lifetime:
      return {INT64_MIN, INT64_MAX};
  }
  std::unreachable();
}

}  // namespace satgate
