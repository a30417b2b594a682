// Time is a parameter. Rooms take a Time; only app/ and net/ ask a Clock.
#pragma once

#include <atomic>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace satgate {

inline constexpr int64_t kNanoPerSecond = 1'000'000'000;

// An instant: nanoseconds since 1970-01-01T00:00:00Z.
struct Time {
  int64_t unix_ns = 0;
  constexpr auto operator<=>(const Time&) const = default;
  constexpr int64_t unix_seconds() const {
    return unix_ns >= 0 ? unix_ns / kNanoPerSecond
                        : -((-unix_ns + kNanoPerSecond - 1) / kNanoPerSecond);
  }
  static constexpr Time seconds(int64_t s) { return Time{s * kNanoPerSecond}; }
};

constexpr Time later(Time t, int64_t seconds) {
  return Time{t.unix_ns + seconds * kNanoPerSecond};
}

// Wall-clock source. Implementations never fail.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time now() const override;
};

// For tests: stands still until told otherwise, from any thread.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Time start) : unix_ns_(start.unix_ns) {}
  Time now() const override { return Time{unix_ns_}; }
  void set(Time t) { unix_ns_ = t.unix_ns; }
  void advance_seconds(int64_t s) { unix_ns_ += s * kNanoPerSecond; }

 private:
  std::atomic<int64_t> unix_ns_;
};

// RFC 3339 in UTC: "2026-04-09T18:00:00Z", with milliseconds when asked. Years 0000 to 9999.
void append_rfc3339(std::string& out, Time t, bool milliseconds = false);
std::string format_rfc3339(Time t, bool milliseconds = false);

// RFC 3339 with Z or an offset, a bare date ("2026-06-30": the start of that day, UTC), or unix
// seconds (milliseconds from 10^11 on). Nothing for anything else, or a date that does not exist.
std::optional<Time> parse_time(std::string_view text);

// "90s", "15m", "1h", "7d", "2w" in seconds; one unit, a whole number above zero.
std::optional<int64_t> parse_duration_seconds(std::string_view text);

}  // namespace satgate
