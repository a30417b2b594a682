// Calendar periods as the clocks of a place show them, over the IANA data base of the machine
// (tzdata). Every kind of period covers all of time without a gap and without an overlap, so an
// instant is in exactly one of each, and none ever comes back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace satgate {

// Unix seconds: [begin, end).
struct Span {
  int64_t begin = 0;
  int64_t end = 0;
  constexpr bool contains(int64_t second) const { return begin <= second && second < end; }
  constexpr bool operator==(const Span&) const = default;
};

class TimeZone {
 public:
  TimeZone();  // UTC
  // "Europe/Berlin". Nothing when the machine does not know it. What has been read once is not read
  // again in this process.
  static std::optional<TimeZone> named(std::string_view name);

  const std::string& name() const;
  bool operator==(const TimeZone& other) const { return name() == other.name(); }

  // What the clocks show, as if they showed UTC.
  int64_t local(int64_t second) const;

  // The minute and the hour that contain this second. Where clocks are set, they are cut, never
  // joined: an hour that the clocks show twice is two periods.
  Span minute(int64_t second) const;
  Span hour(int64_t second) const;
  // The day and the month. One of each date, however many hours it has: from the first instant at
  // which the clocks show it to the first at which they show the next. A date that is skipped is an
  // empty period.
  Span day(int64_t second) const;
  Span month(int64_t second) const;

 private:
  struct Data;
  explicit TimeZone(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

}  // namespace satgate
