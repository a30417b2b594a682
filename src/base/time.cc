#include "base/time.h"

#include <chrono>
#include <ctime>

#include "base/text.h"

namespace satgate {
namespace {

std::optional<int64_t> two_to_four_digits(std::string_view text) {
  const auto value = parse_uint(text);
  if (!value) return std::nullopt;
  return static_cast<int64_t>(*value);
}

// Days since the epoch, or nothing if the date does not exist.
std::optional<int64_t> parse_date_days(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = two_to_four_digits(text.substr(0, 4));
  const auto month = two_to_four_digits(text.substr(5, 2));
  const auto day = two_to_four_digits(text.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  // int64 nanoseconds begin in 1677; nothing here is older than that.
  if (*year < 1700) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

// "Z", "+02:00" or "-0730" style offset in seconds; RFC 3339 wants the colon.
std::optional<int64_t> parse_offset_seconds(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const auto hours = two_to_four_digits(text.substr(1, 2));
  const auto minutes = two_to_four_digits(text.substr(4, 2));
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const int64_t seconds = *hours * 3600 + *minutes * 60;
  return text[0] == '-' ? -seconds : seconds;
}

std::optional<Time> parse_rfc3339(std::string_view text) {
  if (text.size() < 20 || (text[10] != 'T' && text[10] != 't' && text[10] != ' ')) {
    return std::nullopt;
  }
  const auto days = parse_date_days(text.substr(0, 10));
  if (!days || text[13] != ':' || text[16] != ':') return std::nullopt;
  const auto hour = two_to_four_digits(text.substr(11, 2));
  const auto minute = two_to_four_digits(text.substr(14, 2));
  const auto second = two_to_four_digits(text.substr(17, 2));
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  std::string_view rest = text.substr(19);
  int64_t nano = 0;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    int64_t scale = kNanoPerSecond / 10;
    size_t digits = 0;
    while (digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9') {
      nano += (rest[digits] - '0') * scale;
      scale /= 10;
      ++digits;
    }
    if (digits == 0) return std::nullopt;
    rest.remove_prefix(digits);
  }
  const auto offset = parse_offset_seconds(rest);
  if (!offset) return std::nullopt;
  const int64_t seconds = *days * 86400 + *hour * 3600 + *minute * 60 + *second - *offset;
  // int64 nanoseconds reach the year 2262; later dates are clamped rather than wrapped.
  if (seconds > INT64_MAX / kNanoPerSecond - 1) return Time{INT64_MAX};
  return Time{seconds * kNanoPerSecond + nano};
}

}  // namespace

Time SystemClock::now() const {
  timespec ts{};
  clock_gettime(CLOCK_REALTIME, &ts);
  return Time{ts.tv_sec * kNanoPerSecond + ts.tv_nsec};
}

namespace {

// Writes `value` with leading zeros into `digits` characters.
void put_number(char* out, int64_t value, size_t digits) {
  for (size_t i = digits; i-- > 0; value /= 10)
    out[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

void append_rfc3339(std::string& out, Time t, bool milliseconds) {
  const std::chrono::sys_seconds whole{std::chrono::seconds(t.unix_seconds())};
  const auto days = std::chrono::floor<std::chrono::days>(whole);
  const std::chrono::year_month_day date{days};
  const int64_t second = (whole - days).count();
  char text[] = "0000-00-00T00:00:00.000Z";
  put_number(text, static_cast<int>(date.year()), 4);
  put_number(text + 5, static_cast<unsigned>(date.month()), 2);
  put_number(text + 8, static_cast<unsigned>(date.day()), 2);
  put_number(text + 11, second / 3600, 2);
  put_number(text + 14, second / 60 % 60, 2);
  put_number(text + 17, second % 60, 2);
  put_number(text + 20, (t.unix_ns - t.unix_seconds() * kNanoPerSecond) / 1'000'000, 3);
  if (milliseconds) {
    out += text;
  } else {
    out.append(text, 19).append("Z");
  }
}

std::string format_rfc3339(Time t, bool milliseconds) {
  std::string out;
  append_rfc3339(out, t, milliseconds);
  return out;
}

std::optional<Time> parse_time(std::string_view text) {
  text = trim(text);
  if (const auto number = parse_uint(text)) {
    constexpr uint64_t milliseconds_from = 100'000'000'000;
    const uint64_t seconds = *number >= milliseconds_from ? *number / 1000 : *number;
    if (seconds > static_cast<uint64_t>(INT64_MAX / kNanoPerSecond)) return Time{INT64_MAX};
    return Time::seconds(static_cast<int64_t>(seconds));
  }
  if (const auto days = parse_date_days(text)) {
    if (*days > INT64_MAX / kNanoPerSecond / 86400 - 1) return Time{INT64_MAX};
    return Time::seconds(*days * 86400);
  }
  return parse_rfc3339(text);
}

std::optional<int64_t> parse_duration_seconds(std::string_view text) {
  text = trim(text);
  if (text.size() < 2) return std::nullopt;
  const auto number = parse_uint(text.substr(0, text.size() - 1));
  if (!number || *number == 0 || *number > 100'000'000) return std::nullopt;
  const auto n = static_cast<int64_t>(*number);
  switch (text.back()) {
    case 's':
      return n;
    case 'm':
      return n * 60;
    case 'h':
      return n * 3600;
    case 'd':
      return n * 86400;
    case 'w':
      return n * 7 * 86400;
    default:
      return std::nullopt;
  }
}

}  // namespace satgate
