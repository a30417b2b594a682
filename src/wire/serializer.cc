#include "wire/serializer.h"

#include <algorithm>
#include <charconv>

#include "base/append.h"
#include "base/text.h"
#include "wire/chars.h"
#include "wire/url.h"

namespace satgate::wire {
namespace {

struct Reason {
  int status;
  std::string_view phrase;
};

constexpr Reason kReasons[] = {
    {100, "Continue"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

// Names that only this class writes, in either direction.
bool is_own_field(std::string_view name) {
  return is_dropped_by_proxy(name, Direction::request) &&
         is_dropped_by_proxy(name, Direction::response);
}

}  // namespace

HeadWriter::HeadWriter(std::string& out) : out_(out), start_(out.size()) {}

HeadWriter& HeadWriter::request(std::string_view method, std::string_view target,
                                std::string_view host) {
  if (kind_ != Kind::nothing) refuse("A head was started twice.");
  if (!is_token(method)) refuse("The method is not a token.");
  if (!is_origin_form(target)) refuse("The request target is not in origin-form.");
  if (!parse_authority(host)) refuse("The host is not host or host:port.");
  kind_ = Kind::request;
  expects_body_ = method == "POST" || method == "PUT" || method == "PATCH";
  append_all(out_, method, " ", target, " HTTP/1.1\r\n");
  raw_field("host", host);
  return *this;
}

HeadWriter& HeadWriter::response(int status, std::string_view reason, bool to_head) {
  if (kind_ != Kind::nothing) refuse("A head was started twice.");
  if (status < 100 || status > 599 || status == 101) refuse("The status cannot be sent.");
  if (reason.empty()) reason = reason_of(status);
  if (!is_value(reason)) refuse("The reason phrase has a control character.");
  kind_ = Kind::response;
  status_ = status;
  to_head_ = to_head;
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, status).ptr;
  const std::string_view code(digits, static_cast<size_t>(end - digits));
  append_all(out_, "HTTP/1.1 ", code, " ", reason, "\r\n");
  return *this;
}

HeadWriter& HeadWriter::field(std::string_view name, std::string_view value) {
  if (!is_token(name)) refuse("A field name is not a token.");
  if (!is_value(value)) refuse("A field value has a control character.");
  if (is_own_field(name)) refuse("Framing, hop-by-hop and Host fields cannot be set by hand.");
  if (kind_ == Kind::nothing) refuse("A field comes before the first line.");
  raw_field(name, value);
  return *this;
}

HeadWriter& HeadWriter::field(std::string_view name, uint64_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return field(name, std::string_view(digits, static_cast<size_t>(end - digits)));
}

HeadWriter& HeadWriter::forward(const Fields& fields, Direction direction,
                                std::span<const std::string_view> without) {
  if (kind_ == Kind::nothing) refuse("A field comes before the first line.");
  const ForwardFilter filter(fields, direction);
  for (const Field& item : fields) {
    const bool is_excluded = std::ranges::any_of(
        without, [&item](std::string_view name) { return equals_ignore_case(item.name, name); });
    // As it was parsed, a field is one; what only this class writes is not forwarded.
    if (!is_excluded && filter.forwards(item.name)) raw_field(item.name, item.value);
  }
  return *this;
}

HeadWriter& HeadWriter::close() {
  close_ = true;
  return *this;
}

HeadWriter& HeadWriter::describe_length(uint64_t bytes) {
  if (!to_head_ && status_ != 304) refuse("Only a response without a body describes its length.");
  if (described_) refuse("The length is described twice.");
  described_ = true;
  raw_number("content-length", bytes);
  return *this;
}

Result<void> HeadWriter::finish(BodyFraming framing) {
  if (kind_ == Kind::nothing) refuse("The head has no first line.");
  write_framing(framing);
  if (close_) raw_field("connection", "close");
  out_ += "\r\n";
  if (error_.empty()) return {};
  out_.resize(start_);
  return fail("The message head was not written: " + std::string(error_));
}

bool HeadWriter::has_no_body() const {
  return kind_ == Kind::response && (to_head_ || status_ < 200 || status_ == 204 || status_ == 304);
}

void HeadWriter::write_framing(BodyFraming framing) {
  if (has_no_body()) {
    if (framing.kind != BodyFraming::Kind::none) refuse("This response cannot have a body.");
    return;
  }
  switch (framing.kind) {
    case BodyFraming::Kind::none:
      if (kind_ == Kind::response || expects_body_) raw_number("content-length", 0);
      return;
    case BodyFraming::Kind::length:
      raw_number("content-length", framing.bytes);
      return;
    case BodyFraming::Kind::chunked:
      raw_field("transfer-encoding", "chunked");
      return;
    case BodyFraming::Kind::until_close:
      if (kind_ == Kind::request) refuse("A request cannot end by closing.");
      close_ = true;
      return;
  }
}

void HeadWriter::raw_field(std::string_view name, std::string_view value) {
  append_all(out_, name, ": ", value, "\r\n");
}

void HeadWriter::raw_number(std::string_view name, uint64_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  raw_field(name, std::string_view(digits, static_cast<size_t>(end - digits)));
}

void HeadWriter::refuse(std::string_view why) {
  if (error_.empty()) error_ = why;
}

std::string_view reason_of(int status) {
  for (const Reason& reason : kReasons) {
    if (reason.status == status) return reason.phrase;
  }
  return "Unknown";
}

}  // namespace satgate::wire
