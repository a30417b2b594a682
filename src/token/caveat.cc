#include "token/caveat.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "token/endpoint.h"

namespace satgate::token {
namespace {

constexpr size_t kNameBytesMax = 128;
constexpr uint64_t kDepthMax = 1000;

struct KeyName {
  std::string_view name;
  CaveatKey key;
};

constexpr std::array kKeys = {
    KeyName{"expires", CaveatKey::expires},
    KeyName{"budget_max", CaveatKey::budget_max},
    KeyName{"budget_hourly", CaveatKey::budget_hourly},
    KeyName{"budget_daily", CaveatKey::budget_daily},
    KeyName{"budget_monthly", CaveatKey::budget_monthly},
    KeyName{"call_max", CaveatKey::call_max},
    KeyName{"endpoints", CaveatKey::endpoints},
    KeyName{"methods", CaveatKey::methods},
    KeyName{"tools", CaveatKey::tools},
    KeyName{"tools_deny", CaveatKey::tools_deny},
    KeyName{"models", CaveatKey::models},
    KeyName{"audience", CaveatKey::audience},
    KeyName{"upstream", CaveatKey::upstream},
    KeyName{"rate_limit", CaveatKey::rate_limit},
    KeyName{"max_depth", CaveatKey::max_depth},
    KeyName{"holder", CaveatKey::holder},
    KeyName{"preimage", CaveatKey::preimage},
};

// Length of the UTF-8 sequence at the front (RFC 3629), or 0 if it is none.
size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0U; };
  const auto tail = [&](size_t i) { return byte(i) >> 6 == 2; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f)) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

// Valid UTF-8 without control characters, so that a caveat is always one line of text.
bool is_one_line(std::string_view text) {
  while (!text.empty()) {
    const auto first = static_cast<uint8_t>(text.front());
    const size_t size = utf8_sequence(text);
    if (size == 0 || first < 0x20 || first == 0x7f) return false;
    if (first == 0xc2 && static_cast<uint8_t>(text[1]) < 0xa0) return false;  // C1 controls
    text.remove_prefix(size);
  }
  return true;
}

bool is_label_name(std::string_view name) {
  constexpr std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !name.empty() && name.size() <= 64 && name.find_first_not_of(allowed) == name.npos;
}

Result<void> read_key(std::string_view key, Caveat& caveat) {
  const auto* found = std::ranges::find(kKeys, key, &KeyName::name);
  if (found != kKeys.end()) {
    caveat.key = found->key;
    return {};
  }
  if (key.starts_with("label.") && is_label_name(key.substr(6))) {
    caveat.key = CaveatKey::label;
    caveat.name = key.substr(6);
    return {};
  }
  return fail(fmt::format("unknown caveat '{}'", key));
}

Result<void> read_expires(std::string_view value, Caveat& caveat) {
  const std::optional<Time> time = parse_time(value);
  if (!time) {
    return fail(fmt::format(
        "expires: '{}' is not an instant; write 2026-04-01T00:00:00Z, 2026-06-30 or unix seconds",
        value));
  }
  caveat.time = *time;
  return {};
}

Result<void> read_amount(std::string_view value, const Currency& currency, Caveat& caveat) {
  auto amount = parse_amount(value, currency);
  if (!amount) return fail(fmt::format("{}: {}", to_string(caveat.key), amount.error().message));
  // Money::max() means "no limit" in SpendLimits; a caveat must limit.
  if (*amount == Money::max()) {
    return fail(fmt::format("{}: the amount '{}' is too large", to_string(caveat.key), value));
  }
  caveat.amount = *amount;
  return {};
}

Result<void> read_rate(std::string_view value, Caveat& caveat) {
  const size_t slash = value.find('/');
  const std::string_view unit = slash == value.npos ? "" : trim(value.substr(slash + 1));
  const std::optional<uint64_t> count = parse_uint(trim(value.substr(0, slash)));
  if (unit == "s" || unit == "second") {
    caveat.window = Window::second;
  } else if (unit == "m" || unit == "min" || unit == "minute") {
    caveat.window = Window::minute;
  } else if (unit == "h" || unit == "hour") {
    caveat.window = Window::hour;
  } else if (unit == "d" || unit == "day") {
    caveat.window = Window::day;
  } else {
    return fail(fmt::format(
        "rate_limit: '{}' is not a rate; write 5/s, 10/min, 100/hour or 1000/day", value));
  }
  if (!count || *count == 0 || *count > UINT32_MAX) {
    return fail(fmt::format("rate_limit: '{}' needs a whole number of calls above zero", value));
  }
  caveat.count = static_cast<uint32_t>(*count);
  return {};
}

Result<void> read_depth(std::string_view value, Caveat& caveat) {
  const std::optional<uint64_t> count = parse_uint(value);
  if (!count || *count > kDepthMax) {
    return fail(fmt::format("max_depth: '{}' is not a whole number up to {}", value, kDepthMax));
  }
  caveat.count = static_cast<uint32_t>(*count);
  return {};
}

Result<void> read_name(std::string_view value, Caveat& caveat) {
  if (value.empty() || value.size() > kNameBytesMax || value.find(',') != value.npos) {
    return fail(fmt::format("{}: a name has 1 to {} bytes and no comma", to_string(caveat.key),
                            kNameBytesMax));
  }
  caveat.items.emplace_back(value);
  return {};
}

// Whoever has it may spend what was paid, so it goes no further than to who asks for it.
Result<void> read_preimage(std::string_view value, Caveat& caveat) {
  const std::optional<std::string> bytes = from_hex(value);
  if (!bytes || bytes->size() != sizeof(Hash256)) {
    return fail("preimage: it is not 64 hex digits");
  }
  caveat.items.emplace_back(*bytes);
  caveat.text = to_string(caveat.key);
  return {};
}

Result<void> check_item(CaveatKey key, std::string_view item) {
  if (item.empty()) return fail(fmt::format("{}: an item of the list is empty", to_string(key)));
  if (key == CaveatKey::endpoints) return check_endpoint_pattern(item);
  if (key == CaveatKey::methods) {
    const bool upper = std::ranges::all_of(item, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (!upper) return fail(fmt::format("methods: '{}' is not a method such as GET", item));
  }
  return {};
}

Result<void> read_list(std::string_view value, Caveat& caveat) {
  for (const std::string_view item : split(value, ',')) {
    TRY(check_item(caveat.key, item));
    caveat.items.emplace_back(item);
  }
  return {};
}

Result<void> read_value(std::string_view value, const Currency& currency, Caveat& caveat) {
  switch (caveat.key) {
    case CaveatKey::expires:
      return read_expires(value, caveat);
    case CaveatKey::budget_hourly:
      caveat.window = Window::hour;
      return read_amount(value, currency, caveat);
    case CaveatKey::budget_daily:
      caveat.window = Window::day;
      return read_amount(value, currency, caveat);
    case CaveatKey::budget_monthly:
      caveat.window = Window::month;
      return read_amount(value, currency, caveat);
    case CaveatKey::budget_max:
    case CaveatKey::call_max:
      return read_amount(value, currency, caveat);
    case CaveatKey::endpoints:
    case CaveatKey::methods:
    case CaveatKey::tools:
    case CaveatKey::tools_deny:
    case CaveatKey::models:
    case CaveatKey::audience:
      return read_list(value, caveat);
    case CaveatKey::rate_limit:
      return read_rate(value, caveat);
    case CaveatKey::max_depth:
      return read_depth(value, caveat);
    case CaveatKey::upstream:
    case CaveatKey::holder:
    case CaveatKey::label:
      return read_name(value, caveat);
    case CaveatKey::preimage:
      return read_preimage(value, caveat);
  }
  std::unreachable();
}

// Prints `key = value` only if it reads back as `wanted`; `text` is the one field that may differ.
Result<std::string> print(std::string_view key, std::string_view value, const Caveat& wanted) {
  std::string text = fmt::format("{} = {}", key, value);
  TRY_ASSIGN(const Caveat read, parse_caveat(text));
  const bool same = read.key == wanted.key && read.name == wanted.name &&
                    read.items == wanted.items && read.amount == wanted.amount &&
                    read.time == wanted.time && read.count == wanted.count &&
                    read.window == wanted.window;
  if (!same) return fail(fmt::format("{}: '{}' would not be read as it was meant", key, value));
  return text;
}

std::string_view window_name(CaveatKey key) {
  switch (key) {
    case CaveatKey::budget_hourly:
      return "an hour";
    case CaveatKey::budget_daily:
      return "a day";
    case CaveatKey::budget_monthly:
      return "a month";
    default:
      return "in total";
  }
}

}  // namespace

std::string_view to_string(CaveatKey key) {
  if (key == CaveatKey::label) return "label";
  return std::ranges::find(kKeys, key, &KeyName::key)->name;
}

Result<Caveat> parse_caveat(std::string_view text, const Currency& currency) {
  if (text.size() > limits::caveat_bytes_max) return fail("a caveat is too long");
  if (!is_one_line(text)) return fail("a caveat is not one line of UTF-8 text");
  const size_t equals = text.find('=');
  if (equals == text.npos) return fail(fmt::format("caveat '{}' is not 'key = value'", text));
  Caveat caveat;
  caveat.text = text;
  TRY(read_key(trim(text.substr(0, equals)), caveat));
  TRY(read_value(trim(text.substr(equals + 1)), currency, caveat));
  return caveat;
}

Result<std::string> money_caveat(CaveatKey key, Money amount) {
  Caveat wanted;
  wanted.key = key;
  wanted.amount = amount;
  if (key == CaveatKey::budget_hourly) wanted.window = Window::hour;
  if (key == CaveatKey::budget_daily) wanted.window = Window::day;
  if (key == CaveatKey::budget_monthly) wanted.window = Window::month;
  return print(to_string(key), format_credits(amount), wanted);
}

Result<std::string> list_caveat(CaveatKey key, std::span<const std::string> items) {
  Caveat wanted;
  wanted.key = key;
  wanted.items.assign(items.begin(), items.end());
  return print(to_string(key), fmt::format("{}", fmt::join(items, ", ")), wanted);
}

Result<std::string> name_caveat(CaveatKey key, std::string_view value) {
  Caveat wanted;
  wanted.key = key;
  wanted.items.emplace_back(value);
  return print(to_string(key), value, wanted);
}

Result<std::string> label_caveat(std::string_view name, std::string_view value) {
  Caveat wanted;
  wanted.key = CaveatKey::label;
  wanted.name = name;
  wanted.items.emplace_back(value);
  return print(fmt::format("label.{}", name), value, wanted);
}

Result<std::string> expires_caveat(Time time) {
  if (time < Time{}) return fail("expires: the time is before 1970");
  Caveat wanted;
  wanted.time = Time::seconds(time.unix_seconds());
  return print("expires", format_rfc3339(wanted.time), wanted);
}

Result<std::string> rate_caveat(uint32_t calls, Window window) {
  Caveat wanted;
  wanted.key = CaveatKey::rate_limit;
  wanted.count = calls;
  wanted.window = window;
  std::string_view unit = to_string(window);
  if (window == Window::second) unit = "s";
  if (window == Window::minute) unit = "min";
  return print("rate_limit", fmt::format("{}/{}", calls, unit), wanted);
}

Result<std::string> depth_caveat(uint32_t levels) {
  Caveat wanted;
  wanted.key = CaveatKey::max_depth;
  wanted.count = levels;
  return print("max_depth", fmt::format("{}", levels), wanted);
}

std::string describe(const Caveat& caveat) {
  const std::string list = fmt::format("{}", fmt::join(caveat.items, ", "));
  switch (caveat.key) {
    case CaveatKey::expires:
      return "good until " + format_rfc3339(caveat.time);
    case CaveatKey::budget_max:
    case CaveatKey::budget_hourly:
    case CaveatKey::budget_daily:
    case CaveatKey::budget_monthly:
      return fmt::format("spends at most {} credits {}", format_credits(caveat.amount),
                         window_name(caveat.key));
    case CaveatKey::call_max:
      return fmt::format("one call costs at most {} credits", format_credits(caveat.amount));
    case CaveatKey::endpoints:
      return "only the endpoints " + list;
    case CaveatKey::methods:
      return "only the methods " + list;
    case CaveatKey::tools:
      return "only the tools or MCP servers " + list;
    case CaveatKey::tools_deny:
      return "not the tools or MCP servers " + list;
    case CaveatKey::models:
      return "only the models " + list;
    case CaveatKey::audience:
      return "only at gateways that answer to " + list;
    case CaveatKey::upstream:
      return "only the upstream " + list;
    case CaveatKey::rate_limit:
      return fmt::format("at most {} calls a {}", caveat.count, to_string(caveat.window));
    case CaveatKey::max_depth:
      return fmt::format("at most {} further levels of delegation", caveat.count);
    case CaveatKey::holder:
      return "held by " + list;
    case CaveatKey::label:
      return fmt::format("reported under {} {}", caveat.name, list);
    case CaveatKey::preimage:
      return "with the proof of a payment";
  }
  std::unreachable();
}

}  // namespace satgate::token
