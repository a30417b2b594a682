#include "net/web_socket.h"

#include <openssl/evp.h>

#include <array>

#include "base/crypto.h"
#include "base/text.h"
#include "net/connector.h"
#include "net/stream.h"

namespace satgate::net {
namespace {

constexpr size_t kHeadBytesMax = 16 * 1024;
constexpr size_t kOutBytesMax = 1024 * 1024;
constexpr std::string_view kAcceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

std::string fresh_key() {
  std::array<char, 16> bytes{};
  fill_random(bytes.data(), bytes.size());
  return base64_encode({bytes.data(), bytes.size()});
}

// RFC 6455, section 4.2.2: that the server understood what it was asked for.
std::string accept_of(const std::string& key) {
  const std::string text = key + std::string(kAcceptSuffix);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
    return {};
  }
  return base64_encode({reinterpret_cast<const char*>(digest.data()), size});
}

// Of the head of the answer to an upgrade.
Result<void> check_upgrade(std::string_view head, const std::string& key) {
  const std::string_view status = head.substr(0, head.find("\r\n"));
  if (!status.starts_with("HTTP/1.1 101")) {
    return fail("it speaks no WebSocket here: it answered " +
                std::string(status.substr(0, status.find(' ', status.find(' ') + 1))));
  }
  const std::string expected = accept_of(key);
  for (const std::string_view line : split(head.substr(status.size()), '\n')) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (!equals_ignore_case(line.substr(0, colon), "sec-websocket-accept")) continue;
    std::string_view value = line.substr(colon + 1);
    if (value.ends_with('\r')) value.remove_suffix(1);
    if (!expected.empty() && trim(value) == expected) return {};
  }
  return fail("it speaks no WebSocket here: its answer is not to this request");
}

}  // namespace

std::shared_ptr<WebSocket> WebSocket::make(Loop& loop, const UpstreamIdentity& identity,
                                           std::shared_ptr<TlsClientContext> tls,
                                           size_t message_bytes_max) {
  return std::shared_ptr<WebSocket>(
      new WebSocket(loop, identity, std::move(tls), message_bytes_max));
}

WebSocket::WebSocket(Loop& loop, const UpstreamIdentity& identity,
                     std::shared_ptr<TlsClientContext> tls, size_t message_bytes_max)
    : loop_(loop),
      identity_(identity),
      tls_(std::move(tls)),
      message_bytes_max_(message_bytes_max) {}

WebSocket::~WebSocket() = default;

Task<Result<void>> WebSocket::open(std::string target, Milliseconds timeout) {
  if (cancelled_) co_return fail(why_stopped());
  Connector connector(loop_, identity_, tls_, timeout);
  connecting_ = &connector;
  auto stream = co_await connector.connect();
  connecting_ = nullptr;
  if (!stream) co_return fail(stream.error().message);
  stream_ = std::move(*stream);
  stream_->set_deadline(timeout);
  auto upgraded = co_await upgrade(std::move(target));
  if (!upgraded) co_return upgraded;
  stream_->clear_deadline();
  open_ = true;
  co_return upgraded;
}

Task<Result<void>> WebSocket::upgrade(std::string target) {
  const std::string key = fresh_key();
  const std::string request = "GET " + target + " HTTP/1.1\r\nhost: " + host_field(identity_) +
                              "\r\nupgrade: websocket\r\nconnection: Upgrade"
                              "\r\nsec-websocket-version: 13\r\nsec-websocket-key: " +
                              key + "\r\n\r\n";
  const Io<> wrote = co_await stream_->write_all(std::string_view(request));
  if (!wrote) co_return fail(why_stopped());
  size_t end = std::string::npos;
  while ((end = in_.find("\r\n\r\n")) == std::string::npos) {
    if (in_.size() > kHeadBytesMax) co_return fail("the head of its answer is too long");
    auto more = co_await read_more();
    if (!more) co_return more;
  }
  auto checked = check_upgrade(std::string_view(in_).substr(0, end), key);
  in_.erase(0, end + 4);
  co_return checked;
}

Task<Result<void>> WebSocket::read_more() {
  std::array<char, 16 * 1024> bytes;
  const Io<size_t> count = co_await stream_->read_some(bytes);
  if (!count || *count == 0) {
    open_ = false;
    co_return fail(count ? "it has ended the connection" : why_stopped());
  }
  bytes_received_ += *count;
  in_.append(bytes.data(), *count);
  co_return Result<void>();
}

Task<Result<std::string>> WebSocket::read() {
  for (;;) {
    const wire::FrameResult result = wire::read_server_frame(in_, message_bytes_max_);
    if (result.progress == wire::Progress::refused) {
      cancel();
      co_return fail("it sent what is no WebSocket frame, or too long");
    }
    if (result.progress == wire::Progress::need_more) {
      const auto more = co_await read_more();
      if (!more) co_return fail(more.error().message);
      continue;
    }
    const auto whole = take(result.frame);
    in_.erase(0, result.consumed);
    if (!whole) {
      cancel();
      co_return fail(whole.error().message);
    }
    if (*whole) co_return std::exchange(message_, {});
  }
}

// True: `message_` is whole.
Result<bool> WebSocket::take(const wire::Frame& frame) {
  switch (frame.kind) {
    case wire::FrameKind::ping:
      write(wire::FrameKind::pong, frame.payload);
      return false;
    case wire::FrameKind::pong:
      return false;
    case wire::FrameKind::close:
      return fail("it has ended the connection");
    case wire::FrameKind::binary:
      return fail("it sent bytes where text was expected");
    case wire::FrameKind::text:
    case wire::FrameKind::continuation:
      break;
  }
  const bool is_more = frame.kind == wire::FrameKind::continuation;
  if (is_more != in_message_) return fail("it sent pieces of messages out of order");
  if (message_.size() + frame.payload.size() > message_bytes_max_) {
    return fail("it sent a message that is too long");
  }
  message_ += frame.payload;
  in_message_ = !frame.is_final;
  return frame.is_final;
}

void WebSocket::send(std::string_view text) {
  write(wire::FrameKind::text, text);
}

void WebSocket::write(wire::FrameKind kind, std::string_view payload) {
  if (!open_) return;
  if (out_.size() + payload.size() > kOutBytesMax) return cancel();
  std::array<uint8_t, 4> mask{};
  fill_random(mask.data(), mask.size());
  wire::append_client_frame(out_, kind, payload, mask);
  if (writing_) return;
  writing_ = true;
  spawn(loop_, flush(shared_from_this()));
}

Task<> WebSocket::flush(std::shared_ptr<WebSocket> self) {
  while (!self->out_.empty() && self->open_) {
    const std::string leaving = std::exchange(self->out_, {});
    const Io<> wrote = co_await self->stream_->write_all(std::string_view(leaving));
    if (!wrote) self->cancel();
  }
  self->writing_ = false;
}

std::string WebSocket::why_stopped() const {
  if (cancelled_) return "the connection was given up";
  const std::string why = stream_ == nullptr ? "" : stream_->error_text();
  return why.empty() ? "the connection was cut" : why;
}

void WebSocket::cancel() noexcept {
  cancelled_ = true;
  open_ = false;
  if (connecting_ != nullptr) connecting_->cancel();
  if (stream_ != nullptr) stream_->cancel();
}

}  // namespace satgate::net
