#include "contract/spend_limits.h"

#include <chrono>
#include <utility>

namespace satgate {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::year_month;
using std::chrono::year_month_day;

year_month month_of(Time t) {
  const year_month_day date{floor<days>(sys_seconds{seconds(t.unix_seconds())})};
  return date.year() / date.month();
}

int64_t floor_div(int64_t value, int64_t divisor) {
  return value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor);
}

}  // namespace

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

int64_t window_index(Window window, Time t) {
  switch (window) {
    case Window::second:
      return t.unix_seconds();
    case Window::minute:
      return floor_div(t.unix_seconds(), 60);
    case Window::hour:
      return floor_div(t.unix_seconds(), 3600);
    case Window::day:
      return floor_div(t.unix_seconds(), 86400);
    case Window::month: {
      const year_month month = month_of(t);
      return (static_cast<int>(month.year()) - 1970) * int64_t{12} +
             static_cast<unsigned>(month.month()) - 1;
    }
    case Window::lifetime:
      return 0;
  }
  std::unreachable();
}

std::optional<Time> window_end(Window window, Time t) {
  switch (window) {
    case Window::second:
      return Time::seconds(window_index(window, t) + 1);
    case Window::minute:
      return Time::seconds((window_index(window, t) + 1) * 60);
    case Window::hour:
      return Time::seconds((window_index(window, t) + 1) * 3600);
    case Window::day:
      return Time::seconds((window_index(window, t) + 1) * 86400);
    case Window::month: {
      const year_month next = month_of(t) + std::chrono::months(1);
      return Time::seconds(sys_days(next / 1).time_since_epoch().count() * 86400);
    }
    case Window::lifetime:
      return std::nullopt;
  }
  std::unreachable();
}

}  // namespace satgate
