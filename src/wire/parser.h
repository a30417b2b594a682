// Strict HTTP/1.1 heads out of a contiguous buffer (RFC 9112). Where the RFC lets a recipient
// choose, this one refuses: two parsers that choose differently are how requests are smuggled.
//
// Accepted requests: origin-form targets only (absolute-form, authority-form and `*` are refused),
// HTTP/1.0 and 1.1, exactly one Host, and either no framing field, one Content-Length, or one
// `Transfer-Encoding: chunked` on HTTP/1.1. At most one empty line may come before a request line.
//
//   HeadCursor cursor;                       // one a message
//   for (;;) {
//     const HeadResult result = parse_request_head(buffer, cursor, head);
//     if (result.progress == Progress::need_more) { read more behind the same bytes; continue; }
//     if (result.progress == Progress::refused) answer http_status(result.error) and close;
//     else the body starts at buffer[result.consumed];
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/limits.h"
#include "wire/body.h"
#include "wire/head.h"
#include "wire/parse_error.h"

namespace satgate::wire {

struct HeadLimits {
  size_t head_bytes_max = limits::head_bytes_max;      // with an empty line before it
  size_t target_bytes_max = limits::target_bytes_max;  // more: 414
  size_t field_count_max = limits::header_count_max;   // at most Fields::kCapacity
  uint64_t content_length_max = INT64_MAX;             // more: 413
};

// How far the buffer has been searched for the end of the head, so that a head that arrives one
// byte at a time costs no more than one that arrives whole. Offsets, so the buffer may move between
// calls. A fresh one for each message.
struct HeadCursor {
  size_t scanned = 0;  // no line end before this that was not seen
  size_t line = 0;     // start of the line being searched
  size_t start = 0;    // start of the head, behind an empty line
};

struct HeadResult {
  Progress progress = Progress::need_more;
  ParseError error = ParseError::none;  // when refused
  size_t consumed = 0;                  // when done: bytes up to the body
};

// `buffer` starts at the first byte of the message and only grows between calls with the same
// cursor. `head` is meaningful only when the result is done; its views point into `buffer`.
// The verdict does not depend on how the bytes were cut into pieces.
HeadResult parse_request_head(std::string_view buffer, HeadCursor& cursor, RequestHead& head,
                              const HeadLimits& limits = {});

// As above for a response. `to_head`: it answers a HEAD request and so has no body. Interim
// responses (1xx except 101) are returned like others; the caller parses on after them.
HeadResult parse_response_head(std::string_view buffer, HeadCursor& cursor, ResponseHead& head,
                               bool to_head, const HeadLimits& limits = {});

}  // namespace satgate::wire
