// The connection behind ServerExchange: buffers, body reading, response writing. Internal to net.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/buffer.h"
#include "net/http_server.h"
#include "wire/body.h"

namespace satgate::net {

class ServerConnection final : public ServerExchange {
 public:
  ServerConnection(Loop& loop, Socket socket, const HttpServerOptions& options);

  // Serves requests until the connection ends. `requests` counts parsed heads.
  Task<> run(Handler& handler, uint64_t& requests);

  // For drain(): an idle connection ends now, a busy one after its request.
  void finish_soon();
  // For drain(): whatever is in progress fails.
  void stop_now();

  const wire::RequestHead& request() const override { return head_; }
  std::string_view remote_address() const override { return remote_address_; }
  bool is_tls() const override { return stream_.is_tls(); }
  Loop& loop() override { return stream_.loop(); }
  Task<Reply<std::string_view>> read_body_all(size_t bytes_max) override;
  Task<Reply<std::string_view>> read_body_some() override;
  wire::HeadWriter& response(int status, std::string_view reason) override;
  Task<Reply<>> send(std::string_view body) override;
  Task<Reply<>> start(wire::BodyFraming framing, Head when) override;
  Task<Reply<>> write(std::string_view piece) override;
  Task<Reply<>> finish(std::string_view last_piece) override;
  void cut() override;
  bool response_started() const override { return phase_ != Phase::none; }
  void close_after() override { keep_alive_ = false; }
  bool client_gone() const override { return gone_; }
  void cancel_when_gone(Cancellable* waiter) override;

 private:
  enum class Phase : uint8_t { none, started, finished, broken };

  Task<bool> read_head();
  Task<bool> wait_idle();
  Task<bool> wait_for_bytes();
  void begin_request(size_t head_bytes);
  Task<bool> end_request();
  Task<> refuse(int status, std::string_view code, std::string_view message);
  Task<bool> call(Handler& handler);

  Task<Reply<>> fill();
  Task<Reply<>> ask_for_body();
  Task<Reply<std::string_view>> next_piece();
  Task<Reply<std::string_view>> read_body_in_place(size_t bytes);
  Task<Reply<std::string_view>> collect_body(size_t bytes_max);
  Task<Reply<>> read_body_straight(size_t bytes);
  Task<bool> drain_body();
  bool can_keep_alive() const;
  void body_ended();

  Reply<> finish_head(wire::BodyFraming framing, std::optional<uint64_t> described);
  Task<Reply<>> put(std::string_view piece, bool is_last);
  Fault client_fault(IoError error, bool reading);
  Fault broken(int status, std::string message);
  static void on_gone(void* self);

  const HttpServerOptions& options_;
  Stream stream_;
  std::string remote_address_;

  // The request. `in_` holds the head at its front and does not move while a request is served.
  Buffer in_;
  Buffer body_;
  wire::HeadCursor cursor_;
  wire::RequestHead head_;
  size_t body_start_ = 0;  // offset in in_ behind the head
  wire::BodyReader reader_;
  uint64_t body_received_ = 0;
  bool body_failed_ = false;
  bool continue_sent_ = false;

  // The response.
  std::string out_;
  std::optional<wire::HeadWriter> writer_;
  Phase phase_ = Phase::none;
  wire::BodyFraming framing_;
  uint64_t body_left_ = 0;  // with `length`
  int status_ = 0;
  bool head_pending_ = false;  // waits for the first piece
  bool body_suppressed_ = false;

  bool keep_alive_ = true;
  bool draining_ = false;
  bool idle_ = false;
  bool gone_ = false;
  Cancellable* waiter_ = nullptr;
};

}  // namespace satgate::net
