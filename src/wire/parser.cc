#include "wire/parser.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "wire/chars.h"
#include "wire/url.h"

namespace satgate::wire {
namespace {

constexpr size_t kMethodBytesMax = 32;
// A request line is a method, a target, a version, two spaces and CRLF.
constexpr size_t kRequestLineExtraBytes = kMethodBytesMax + 12;

HeadResult refuse(ParseError error) {
  return {Progress::refused, error, 0};
}

// ---- Finding the end of a head ----
//
// The head is parsed in one go once its end has arrived. What can be said before that is said at
// once, by the position of a byte alone, so the verdict is the same however the bytes arrive.

ParseError check_first_byte(std::string_view buffer, const HeadCursor& cursor, bool is_request) {
  const char byte = buffer[cursor.start];
  if (byte == '\n') return ParseError::bare_lf;
  if (!is_request) return byte == 'H' ? ParseError::none : ParseError::bad_status_line;
  if (byte == '\r') return cursor.start == 0 ? ParseError::none : ParseError::extra_empty_line;
  return is_token_byte(byte) ? ParseError::none : ParseError::bad_method;
}

// With progress done, `consumed` is the length of the head with its empty line.
HeadResult find_head_end(std::string_view buffer, HeadCursor& cursor, bool is_request,
                         const HeadLimits& limits) {
  const std::string_view window = buffer.substr(0, limits.head_bytes_max);
  const size_t first_line_max =
      is_request ? limits.target_bytes_max + kRequestLineExtraBytes : limits.head_bytes_max;
  for (;;) {
    if (cursor.line == cursor.start && cursor.start < window.size()) {
      const ParseError error = check_first_byte(window, cursor, is_request);
      if (error != ParseError::none) return refuse(error);
    }
    const void* found =
        cursor.scanned < window.size()
            ? std::memchr(window.data() + cursor.scanned, '\n', window.size() - cursor.scanned)
            : nullptr;
    const size_t lf = found == nullptr
                          ? window.size()
                          : static_cast<size_t>(static_cast<const char*>(found) - window.data());
    if (cursor.line == cursor.start && lf - cursor.start > first_line_max) {
      return refuse(is_request ? ParseError::target_too_long : ParseError::head_too_large);
    }
    if (found == nullptr) {
      cursor.scanned = lf;
      if (window.size() == limits.head_bytes_max) return refuse(ParseError::head_too_large);
      return {};
    }
    if (lf == cursor.line || window[lf - 1] != '\r') return refuse(ParseError::bare_lf);
    const bool is_empty_line = lf == cursor.line + 1;
    const bool is_before_head = is_empty_line && cursor.line == cursor.start;
    cursor.scanned = cursor.line = lf + 1;
    if (is_before_head) {
      cursor.start = lf + 1;
    } else if (is_empty_line) {
      return {Progress::done, ParseError::none, lf + 1};
    }
  }
}

// ---- Fields ----

// What the fields say about framing and connection, in both directions.
struct Meaning {
  std::optional<std::string_view> host;
  std::optional<uint64_t> length;
  bool has_coding = false;
  bool says_close = false;
  bool expects_continue = false;
};

ParseError read_length(std::string_view value, const HeadLimits& limits, Meaning& meaning) {
  if (meaning.length) return ParseError::two_lengths;
  // A leading zero is octal to some readers.
  if (value.size() > 1 && value.front() == '0') return ParseError::bad_length;
  const auto length = parse_uint(value);
  if (!length) return ParseError::bad_length;
  if (*length > limits.content_length_max) return ParseError::body_too_large;
  meaning.length = *length;
  return ParseError::none;
}

ParseError read_coding(std::string_view value, Meaning& meaning) {
  if (meaning.has_coding) return ParseError::two_codings;
  meaning.has_coding = true;
  if (equals_ignore_case(value, "chunked")) return ParseError::none;
  // RFC 9112 6.1 and 6.3: an unknown coding is 501 if the body's end is clear, else 400.
  const size_t comma = value.rfind(',');
  if (comma == value.npos || !equals_ignore_case(trim(value.substr(comma + 1)), "chunked")) {
    return ParseError::bad_coding;
  }
  const std::string_view before = trim(value.substr(0, comma));
  return is_token(before) && !equals_ignore_case(before, "chunked")
             ? ParseError::coding_not_implemented
             : ParseError::bad_coding;
}

ParseError read_connection(std::string_view value, Meaning& meaning) {
  for (;;) {
    const size_t comma = value.find(',');
    const std::string_view element = trim(value.substr(0, comma));
    if (!element.empty() && !is_token(element)) return ParseError::bad_connection;
    meaning.says_close |= equals_ignore_case(element, "close");
    if (comma == value.npos) return ParseError::none;
    value.remove_prefix(comma + 1);
  }
}

// Content_Length reads as Content-Length to servers that turn names into environment variables.
bool is_lookalike(std::string_view name) {
  if (name.find('_') == name.npos) return false;
  for (const std::string_view real : {"content-length", "transfer-encoding"}) {
    if (name.size() != real.size()) continue;
    bool same = true;
    for (size_t i = 0; i < name.size() && same; ++i) {
      same = real[i] == '-' ? name[i] == '-' || name[i] == '_' : (name[i] | 0x20) == real[i];
    }
    if (same) return true;
  }
  return false;
}

ParseError read_meaning(const Field& field, bool is_request, const HeadLimits& limits,
                        Meaning& meaning) {
  switch (field.name.size()) {
    case 4:
      if (!is_request || !equals_ignore_case(field.name, "host")) break;
      if (meaning.host) return ParseError::two_hosts;
      if (!parse_authority(field.value)) return ParseError::bad_host;
      meaning.host = field.value;
      break;
    case 6:
      if (!is_request || !equals_ignore_case(field.name, "expect")) break;
      if (!equals_ignore_case(field.value, "100-continue")) return ParseError::bad_expectation;
      meaning.expects_continue = true;
      break;
    case 10:
      if (!equals_ignore_case(field.name, "connection")) break;
      return read_connection(field.value, meaning);
    case 14:
      if (equals_ignore_case(field.name, "content-length")) {
        return read_length(field.value, limits, meaning);
      }
      return is_lookalike(field.name) ? ParseError::lookalike_framing : ParseError::none;
    case 17:
      if (equals_ignore_case(field.name, "transfer-encoding")) {
        return read_coding(field.value, meaning);
      }
      return is_lookalike(field.name) ? ParseError::lookalike_framing : ParseError::none;
    default:
      break;
  }
  return ParseError::none;
}

// Takes one field line off the front of `rest`. Every LF in it is known to follow a CR.
ParseError take_field(std::string_view& rest, Field& field) {
  if (rest.front() == ' ' || rest.front() == '\t') return ParseError::folded_field;
  size_t colon = 0;
  while (is_token_byte(rest[colon]))
    ++colon;
  if (colon == 0 || rest[colon] != ':') return ParseError::bad_field_name;
  const size_t end = colon + 1 + find_control(rest.substr(colon + 1));
  if (rest[end] != '\r' || rest[end + 1] != '\n') return ParseError::control_byte;
  field.name = rest.substr(0, colon);
  field.value = trim(rest.substr(colon + 1, end - colon - 1));
  rest.remove_prefix(end + 2);
  return ParseError::none;
}

// `block` is all field lines and the empty line.
ParseError read_fields(std::string_view block, bool is_request, const HeadLimits& limits,
                       Fields& fields, Meaning& meaning) {
  fields.clear();
  while (block.front() != '\r' || block[1] != '\n') {
    Field field;
    ParseError error = take_field(block, field);
    if (error != ParseError::none) return error;
    if (fields.size() >= limits.field_count_max || !fields.push(field.name, field.value)) {
      return ParseError::too_many_fields;
    }
    error = read_meaning(field, is_request, limits, meaning);
    if (error != ParseError::none) return error;
  }
  if (meaning.length && meaning.has_coding) return ParseError::length_and_coding;
  return ParseError::none;
}

// ---- First lines ----

ParseError read_version(std::string_view text, ParseError malformed, uint8_t& minor) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 8 || !text.starts_with("HTTP/") || !is_digit(text[5]) || text[6] != '.' ||
      !is_digit(text[7])) {
    return malformed;
  }
  if (text[5] != '1' || text[7] > '1') return ParseError::version_not_supported;
  minor = static_cast<uint8_t>(text[7] - '0');
  return ParseError::none;
}

ParseError read_request_line(std::string_view line, const HeadLimits& limits, RequestHead& head) {
  const size_t method_end = line.find(' ');
  if (method_end == line.npos) return ParseError::bad_request_line;
  head.method = line.substr(0, method_end);
  if (!is_token(head.method) || head.method.size() > kMethodBytesMax) return ParseError::bad_method;
  const size_t target_end = line.find(' ', method_end + 1);
  if (target_end == line.npos) return ParseError::bad_request_line;
  const ParseError error =
      read_version(line.substr(target_end + 1), ParseError::bad_request_line, head.version_minor);
  if (error != ParseError::none) return error;
  // CONNECT would open a tunnel past every check. TRACE would echo the upstream's credential,
  // which the agent must never see. Upstreams may ignore case, so it is ignored here too.
  if (equals_ignore_case(head.method, "connect") || equals_ignore_case(head.method, "trace")) {
    return ParseError::method_not_implemented;
  }
  head.target = line.substr(method_end + 1, target_end - method_end - 1);
  if (head.target.size() > limits.target_bytes_max) return ParseError::target_too_long;
  if (!is_origin_form(head.target)) return ParseError::bad_target;
  const size_t question = head.target.find('?');
  head.path = head.target.substr(0, question);
  head.query = question == head.target.npos ? "" : head.target.substr(question + 1);
  return ParseError::none;
}

ParseError read_status_line(std::string_view line, ResponseHead& head) {
  const ParseError error =
      read_version(line.substr(0, 8), ParseError::bad_status_line, head.version_minor);
  if (error != ParseError::none) return error;
  if (line.size() < 13 || line[8] != ' ' || line[12] != ' ') return ParseError::bad_status_line;
  const auto status = parse_uint(line.substr(9, 3));
  if (!status || *status < 100 || *status > 599) return ParseError::bad_status_line;
  head.status = static_cast<uint16_t>(*status);
  head.reason = line.substr(13);
  if (!is_value(head.reason)) return ParseError::control_byte;
  return head.status == 101 ? ParseError::unexpected_upgrade : ParseError::none;
}

// ---- Conclusions ----

ParseError conclude_request(const Meaning& meaning, RequestHead& head) {
  if (!meaning.host) return ParseError::no_host;
  if (meaning.has_coding && head.version_minor == 0) return ParseError::coding_on_http10;
  head.host = *meaning.host;
  head.keep_alive = head.version_minor == 1 && !meaning.says_close;
  head.framing = meaning.has_coding ? BodyFraming::chunked()
                 : meaning.length   ? BodyFraming::length(*meaning.length)
                                    : BodyFraming::none();
  // RFC 9110 10.1.1: HTTP/1.0 clients cannot wait for 100.
  head.expect_continue =
      meaning.expects_continue && head.version_minor == 1 && !head.framing.is_empty();
  return ParseError::none;
}

ParseError conclude_response(const Meaning& meaning, bool to_head, ResponseHead& head) {
  if (meaning.has_coding && head.version_minor == 0) return ParseError::coding_on_http10;
  head.keep_alive = head.version_minor == 1 && !meaning.says_close;
  head.framing = BodyFraming::none();
  head.described_length.reset();
  if (head.is_interim() || head.status == 204) {
    return meaning.has_coding || meaning.length.value_or(0) > 0 ? ParseError::body_not_allowed
                                                                : ParseError::none;
  }
  if (to_head || head.status == 304) {
    head.described_length = meaning.length;
  } else if (meaning.has_coding) {
    head.framing = BodyFraming::chunked();
  } else if (meaning.length) {
    head.framing = BodyFraming::length(*meaning.length);
  } else {
    head.framing = BodyFraming::until_close();
    head.keep_alive = false;
  }
  return ParseError::none;
}

}  // namespace

HeadResult parse_request_head(std::string_view buffer, HeadCursor& cursor, RequestHead& head,
                              const HeadLimits& limits) {
  const HeadResult found = find_head_end(buffer, cursor, true, limits);
  if (found.progress != Progress::done) return found;
  const std::string_view text = buffer.substr(cursor.start, found.consumed - cursor.start);
  const size_t line_end = text.find("\r\n");
  Meaning meaning;
  ParseError error = read_request_line(text.substr(0, line_end), limits, head);
  if (error == ParseError::none) {
    error = read_fields(text.substr(line_end + 2), true, limits, head.fields, meaning);
  }
  if (error == ParseError::none) error = conclude_request(meaning, head);
  return error == ParseError::none ? found : refuse(error);
}

HeadResult parse_response_head(std::string_view buffer, HeadCursor& cursor, ResponseHead& head,
                               bool to_head, const HeadLimits& limits) {
  const HeadResult found = find_head_end(buffer, cursor, false, limits);
  if (found.progress != Progress::done) return found;
  const std::string_view text = buffer.substr(0, found.consumed);
  const size_t line_end = text.find("\r\n");
  Meaning meaning;
  ParseError error = read_status_line(text.substr(0, line_end), head);
  if (error == ParseError::none) {
    error = read_fields(text.substr(line_end + 2), false, limits, head.fields, meaning);
  }
  if (error == ParseError::none) error = conclude_response(meaning, to_head, head);
  return error == ParseError::none ? found : refuse(error);
}

}  // namespace satgate::wire
