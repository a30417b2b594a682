#include "base/json_out.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>

#include "base/append.h"
#include "base/utf8.h"

namespace satgate {
namespace {

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
      return;
  }
}

// `before` ends, and `after` begins, with the quotes.
void append_quoted(std::string& out, std::string_view before, std::string_view text,
                   std::string_view after) {
  if (plain_length(text) == text.size()) return append_all(out, before, text, after);
  out += before;
  while (true) {
    const size_t plain = plain_length(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const char c = text.front();
    if (c == '"' || c == '\\' || (static_cast<uint8_t>(c) < 0x20)) {
      append_escaped(out, c);
      text.remove_prefix(1);
      continue;
    }
    const size_t length = utf8_length(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  out += after;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  append_quoted(out, "\"", text, "\"");
}

void JsonOut::separate() {
  if (!first_) out_ += ',';
  first_ = false;
}

// One view of two lengths: of two literals the length would be counted at each call.
std::string_view JsonOut::opening_quote() const {
  return std::string_view(",\"").substr(first_ ? 1 : 0);
}

JsonOut& JsonOut::open(char bracket) {
  separate();
  out_ += bracket;
  first_ = true;
  return *this;
}

JsonOut& JsonOut::close(char bracket) {
  out_ += bracket;
  first_ = false;
  return *this;
}

JsonOut& JsonOut::key(Key name) {
  append_all(out_, opening_quote(), name, "\":");
  first_ = true;
  return *this;
}

JsonOut& JsonOut::member(std::string_view name) {
  append_quoted(out_, opening_quote(), name, "\":");
  first_ = true;
  return *this;
}

JsonOut& JsonOut::string(std::string_view text) {
  append_quoted(out_, opening_quote(), text, "\"");
  first_ = false;
  return *this;
}

JsonOut& JsonOut::integer(int64_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return raw({digits, static_cast<size_t>(end - digits)});
}

JsonOut& JsonOut::boolean(bool value) {
  return raw(value ? "true" : "false");
}

JsonOut& JsonOut::null() {
  return raw("null");
}

JsonOut& JsonOut::money(Money amount) {
  return raw(credits_text(amount));
}

JsonOut& JsonOut::time(Time at) {
  separate();
  out_ += '"';
  append_rfc3339(out_, at, true);
  out_ += '"';
  return *this;
}

JsonOut& JsonOut::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

}  // namespace satgate
