// The heads of HTTP/1.1 messages as structs of views (RFC 9110, RFC 9112). A parsed head points
// into the buffer it was parsed from and lives as long as those bytes stay where they are. Nothing
// here allocates: a connection keeps one head and parses into it again and again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/limits.h"
#include "wire/body.h"

namespace satgate::wire {

// One field line. `value` has no white space at its ends.
struct Field {
  std::string_view name;
  std::string_view value;
};

// The fields of one message in the order they came. Names compare without regard to case (ASCII).
class Fields {
 public:
  static constexpr size_t kCapacity = limits::header_count_max;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const Field* begin() const { return items_.data(); }
  const Field* end() const { return items_.data() + size_; }

  // The value of the first field of that name.
  std::optional<std::string_view> find(std::string_view name) const;
  size_t count(std::string_view name) const;
  // The value if the field is there exactly once. Use it for every field that decides something
  // (Authorization, X-Api-Key, Content-Type): two of them are an ambiguity, not a choice.
  std::optional<std::string_view> find_single(std::string_view name) const;
  // True if a field of that name has `token` among its comma-separated elements, ignoring case.
  bool has_token(std::string_view name, std::string_view token) const;

  // False when full. The views are kept, not copied.
  bool push(std::string_view name, std::string_view value);
  void clear() { size_ = 0; }

 private:
  // Only the first size_ items mean anything. They are not cleared between messages.
  std::array<Field, kCapacity> items_;
  size_t size_ = 0;
};

struct RequestHead {
  std::string_view method;
  std::string_view target;    // origin-form, as received: path, and '?' and query if there is one
  std::string_view path;      // before the first '?'; not normalised, see wire/url.h
  std::string_view query;     // after the first '?', without it
  std::string_view host;      // the one Host field, checked as host[:port]
  uint8_t version_minor = 1;  // HTTP/1.0 or HTTP/1.1
  bool keep_alive = true;     // HTTP/1.1 without Connection: close; HTTP/1.0 never keeps
  bool expect_continue = false;  // it waits for 100 before it sends the body
  BodyFraming framing;           // none, length or chunked
  Fields fields;                 // all of them, also the ones above
};

struct ResponseHead {
  uint16_t status = 0;  // 100 to 599, never 101: we never ask for an upgrade
  std::string_view reason;
  uint8_t version_minor = 1;
  bool keep_alive = true;  // the connection may be pooled once the body has ended
  BodyFraming framing;
  // Content-Length of a response without a body (to HEAD, or 304), to be passed on.
  std::optional<uint64_t> described_length;
  Fields fields;

  bool is_interim() const { return status < 200; }
};

enum class Direction : uint8_t { request, response };

// Whether a proxy drops the field instead of forwarding it: hop-by-hop fields (RFC 9110 7.6.1),
// framing fields and Host (written anew), Expect (answered here), and Alt-Svc of responses
// (it would lead the client around the gateway). Fields named by Connection: see ForwardFilter.
bool is_dropped_by_proxy(std::string_view name, Direction direction);

// Decides for one message which fields go on to the other side.
//   const ForwardFilter filter(head.fields, Direction::request);
//   for (const Field& field : head.fields) if (filter.forwards(field.name)) ...
class ForwardFilter {
 public:
  ForwardFilter(const Fields& fields, Direction direction);
  bool forwards(std::string_view name) const;

 private:
  const Fields& fields_;
  Direction direction_;
  bool connection_names_fields_ = false;
};

}  // namespace satgate::wire
