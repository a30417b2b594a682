#include "wire/parse_error.h"

#include <array>

namespace satgate::wire {
namespace {

struct Row {
  ParseError error;
  int status;
  std::string_view name;
  std::string_view sentence;
};

using enum ParseError;
constexpr std::array kRows = {
    Row{none, 200, "none", "Nothing is wrong."},
    Row{bare_lf, 400, "bare_lf", "A line ends in LF without CR."},
    Row{control_byte, 400, "control_byte", "A line has a control byte in it."},
    Row{extra_empty_line, 400, "extra_empty_line", "There are empty lines before the message."},
    Row{head_too_large, 431, "head_too_large", "The head is too large."},
    Row{bad_request_line, 400, "bad_request_line",
        "The request line is not `method target HTTP-version`."},
    Row{bad_method, 400, "bad_method", "The method is not a token of at most 32 characters."},
    Row{method_not_implemented, 501, "method_not_implemented",
        "CONNECT and TRACE are not served here."},
    Row{bad_target, 400, "bad_target",
        "The request target must start with '/' and consist of visible ASCII without '#'."},
    Row{target_too_long, 414, "target_too_long", "The request target is too long."},
    Row{version_not_supported, 505, "version_not_supported",
        "Only HTTP/1.1 and HTTP/1.0 are served here."},
    Row{bad_status_line, 400, "bad_status_line", "The status line is malformed."},
    Row{unexpected_upgrade, 400, "unexpected_upgrade",
        "The upstream switched protocols without being asked."},
    Row{too_many_fields, 431, "too_many_fields", "There are too many header fields."},
    Row{bad_field_name, 400, "bad_field_name",
        "A header field name is not a token directly followed by a colon."},
    Row{folded_field, 400, "folded_field", "A header field is folded over several lines."},
    Row{no_host, 400, "no_host", "The Host field is missing."},
    Row{two_hosts, 400, "two_hosts", "There is more than one Host field."},
    Row{bad_host, 400, "bad_host", "The Host field is not host or host:port."},
    Row{bad_connection, 400, "bad_connection", "The Connection field is not a list of tokens."},
    Row{bad_expectation, 417, "bad_expectation", "Only the expectation 100-continue can be met."},
    Row{length_and_coding, 400, "length_and_coding",
        "Content-Length and Transfer-Encoding come together."},
    Row{two_lengths, 400, "two_lengths", "There is more than one Content-Length field."},
    Row{bad_length, 400, "bad_length", "Content-Length is not one plain decimal number."},
    Row{body_too_large, 413, "body_too_large", "The body is too large."},
    Row{two_codings, 400, "two_codings", "There is more than one Transfer-Encoding field."},
    Row{bad_coding, 400, "bad_coding", "Transfer-Encoding is not exactly `chunked`."},
    Row{coding_not_implemented, 501, "coding_not_implemented",
        "Only the transfer coding `chunked` is supported."},
    Row{coding_on_http10, 400, "coding_on_http10", "HTTP/1.0 has no Transfer-Encoding."},
    Row{lookalike_framing, 400, "lookalike_framing",
        "A header field looks like Content-Length or Transfer-Encoding but is not."},
    Row{body_not_allowed, 400, "body_not_allowed",
        "A response that cannot have a body announces one."},
    Row{bad_chunk_size, 400, "bad_chunk_size", "A chunk size line is malformed."},
    Row{chunk_line_too_long, 400, "chunk_line_too_long", "A chunk size line is too long."},
    Row{bad_chunk_end, 400, "bad_chunk_end", "A chunk does not end in CRLF."},
    Row{bad_trailer, 400, "bad_trailer", "A trailer field is malformed or not allowed."},
    Row{trailers_too_large, 431, "trailers_too_large", "The trailer fields are too large."},
};

constexpr bool is_in_order() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<size_t>(kRows[i].error) != i) return false;
  }
  return kRows.size() == static_cast<size_t>(trailers_too_large) + 1;
}
static_assert(is_in_order(), "one row for each ParseError, in the order of the enum");

const Row& row(ParseError error) {
  return kRows[static_cast<size_t>(error)];
}

}  // namespace

int http_status(ParseError error) {
  return row(error).status;
}

std::string_view sentence(ParseError error) {
  return row(error).sentence;
}

std::string_view to_string(ParseError error) {
  return row(error).name;
}

}  // namespace satgate::wire
