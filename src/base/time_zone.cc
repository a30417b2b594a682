#include "base/time_zone.h"

#include <absl/time/time.h>

#include <algorithm>
#include <utility>

namespace satgate {

struct TimeZone::Data {
  std::string name;
  absl::TimeZone zone;

  int64_t offset(int64_t second) const { return zone.At(absl::FromUnixSeconds(second)).offset; }

  // The first second in (a, b] whose offset is not that of `a`.
  // REQUIRES: the offset of `b` is another one, and changes once in between.
  int64_t change(int64_t a, int64_t b) const {
    const int64_t before = offset(a);
    while (b - a > 1) {
      const int64_t middle = a + (b - a) / 2;
      (offset(middle) == before ? a : b) = middle;
    }
    return b;
  }

  // Whole `length`s of local time under the offset in force, as far as that reaches.
  Span cut(int64_t second, int64_t length) const {
    const int64_t shift = offset(second);
    const int64_t local = second + shift;
    const int64_t into = ((local % length) + length) % length;
    Span span{second - into, second - into + length};
    if (offset(span.begin) != shift) span.begin = change(span.begin, second);
    if (offset(span.end - 1) != shift) span.end = change(second, span.end - 1);
    return span;
  }

  // The first instant at which clocks show this civil time, or have skipped it.
  template <class Unit>
  int64_t first(Unit unit) const {
    const absl::TimeZone::TimeInfo info = zone.At(absl::CivilSecond(unit));
    const bool skipped = info.kind == absl::TimeZone::TimeInfo::SKIPPED;
    return absl::ToUnixSeconds(skipped ? info.trans : info.pre);
  }

  template <class Unit>
  Span whole(int64_t second) const {
    Unit unit(zone.At(absl::FromUnixSeconds(second)).cs);
    Span span{first(unit), first(unit + 1)};
    // Clocks were set back over its end: by then the next one had begun.
    while (span.end <= second) {
      ++unit;
      span = {span.end, first(unit + 1)};
    }
    return span;
  }
};

TimeZone::TimeZone() {
  static const auto utc = std::make_shared<const Data>(Data{"UTC", absl::UTCTimeZone()});
  data_ = utc;
}

std::optional<TimeZone> TimeZone::named(std::string_view name) {
  // The library also reads files by their path, and offsets in a form of its own.
  const bool is_name = !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-' || c == '+';
  });
  absl::TimeZone zone;
  if (!is_name || name.front() == '/' || name.starts_with("Fixed/") ||
      !absl::LoadTimeZone(std::string(name), &zone)) {
    return std::nullopt;
  }
  return TimeZone(std::make_shared<const Data>(Data{std::string(name), zone}));
}

const std::string& TimeZone::name() const {
  return data_->name;
}

int64_t TimeZone::local(int64_t second) const {
  return second + data_->offset(second);
}

Span TimeZone::minute(int64_t second) const {
  return data_->cut(second, 60);
}

Span TimeZone::hour(int64_t second) const {
  return data_->cut(second, 3600);
}

Span TimeZone::day(int64_t second) const {
  return data_->whole<absl::CivilDay>(second);
}

Span TimeZone::month(int64_t second) const {
  return data_->whole<absl::CivilMonth>(second);
}

}  // namespace satgate
