// Why bytes from the other side were refused. Every reason has the status a client is told and a
// sentence; for responses from an upstream the status is always 502. After a refusal the
// connection is closed: where the next message starts is no longer certain (RFC 9112 section 11.2).
#pragma once

#include <cstdint>
#include <string_view>

namespace satgate::wire {

enum class ParseError : uint8_t {
  none,
  // Lines
  bare_lf,           // a line ends in LF without CR
  control_byte,      // CR, NUL or another control byte inside a line
  extra_empty_line,  // more than one empty line before the message
  head_too_large,    // 431
  // Request line
  bad_request_line,
  bad_method,
  method_not_implemented,  // 501: CONNECT and TRACE
  bad_target,              // not origin-form, or a byte that does not belong there
  target_too_long,         // 414
  version_not_supported,   // 505
  // Status line
  bad_status_line,
  unexpected_upgrade,  // 101, which nobody asked for
  // Fields
  too_many_fields,  // 431
  bad_field_name,   // also white space before the colon
  folded_field,     // obs-fold
  no_host,
  two_hosts,
  bad_host,
  bad_connection,   // not a list of tokens
  bad_expectation,  // 417
  // Framing
  length_and_coding,  // Content-Length together with Transfer-Encoding
  two_lengths,        // also equal ones
  bad_length,
  body_too_large,  // 413
  two_codings,
  bad_coding,              // Transfer-Encoding that does not end in chunked
  coding_not_implemented,  // 501: a coding before chunked
  coding_on_http10,
  lookalike_framing,  // Content_Length and the like
  body_not_allowed,   // 1xx or 204 that announce a body
  // Chunks
  bad_chunk_size,
  chunk_line_too_long,
  bad_chunk_end,
  bad_trailer,
  trailers_too_large,  // 431
};

// The status for a client whose request was refused.
int http_status(ParseError error);
// One sentence for a person, without any byte of the input.
std::string_view sentence(ParseError error);
// The enumerator as text, for test cases and metrics.
std::string_view to_string(ParseError error);

}  // namespace satgate::wire
