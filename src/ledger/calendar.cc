#include "ledger/calendar.h"

#include <algorithm>

namespace satgate::ledger {

const WindowEnds& Calendar::at(Time now) {
  const int64_t second = now.unix_seconds();
  if (all_.contains(second)) return ends_;
  all_ = {INT64_MIN, INT64_MAX};
  for (size_t w = 0; w < kCalendarWindows; ++w) {
    Span& span = spans_[w];
    if (!span.contains(second)) span = window_span(kAllWindows[w], now, zone_);
    ends_[w] = span.end;
    all_ = {std::max(all_.begin, span.begin), std::min(all_.end, span.end)};
  }
  return ends_;
}

}  // namespace satgate::ledger
