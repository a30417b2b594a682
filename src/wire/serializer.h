// Writes heads. Framing is never copied from a message that came in: it is written anew from a
// BodyFraming, once, at the end. A name or value that could break a line is refused, not escaped.
//
//   HeadWriter writer(out);
//   writer.request("POST", "/v1/chat/completions", "api.openai.com");
//   writer.forward(head.fields, Direction::request);
//   writer.field("authorization", credential);
//   TRY(writer.finish(BodyFraming::length(body.size())));
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/body.h"
#include "wire/head.h"

namespace satgate::wire {

// Appends one head to `out`, which is kept and reused by the caller. Errors are remembered and
// reported by finish(), which then leaves `out` as it was before the head. After any other end
// `out` is half a head: always call finish().
class HeadWriter {
 public:
  explicit HeadWriter(std::string& out);

  // First, exactly one of these. `target` is origin-form, `host` is host[:port].
  HeadWriter& request(std::string_view method, std::string_view target, std::string_view host);
  // An empty reason takes the usual one. `to_head`: the response to a HEAD request.
  HeadWriter& response(int status, std::string_view reason = {}, bool to_head = false);

  // One field. Refuses hop-by-hop and framing names, which this class alone writes.
  HeadWriter& field(std::string_view name, std::string_view value);
  HeadWriter& field(std::string_view name, uint64_t value);
  // All fields of a message that a proxy passes on, except those in `without` (any case).
  HeadWriter& forward(const Fields& fields, Direction direction,
                      std::span<const std::string_view> without = {});
  // Says that the connection closes after this message.
  HeadWriter& close();
  // Content-Length of a response that has no body (to HEAD, or 304).
  HeadWriter& describe_length(uint64_t bytes);

  // Writes the framing and the empty line. `none` on a message that could have a body is written
  // as Content-Length: 0. `until_close` is for responses only and implies close(). Refuses a
  // body where there can be none (1xx, 204, 304, the response to HEAD).
  Result<void> finish(BodyFraming framing);

 private:
  enum class Kind : uint8_t { nothing, request, response };
  void raw_field(std::string_view name, std::string_view value);
  void raw_number(std::string_view name, uint64_t value);
  void refuse(std::string_view why);
  void write_framing(BodyFraming framing);
  bool has_no_body() const;

  std::string& out_;
  size_t start_;
  Kind kind_ = Kind::nothing;
  std::string_view error_;  // the first one, a literal
  int status_ = 0;
  bool to_head_ = false;
  bool close_ = false;
  bool described_ = false;
  bool expects_body_ = false;
};

// The usual reason phrase, or "Unknown".
std::string_view reason_of(int status);

inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace satgate::wire
