// What is behind UpstreamPool and ClientExchange. Internal to net.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/buffer.h"
#include "net/connector.h"
#include "net/http_client.h"
#include "wire/body.h"
#include "wire/parser.h"

namespace satgate::net {

struct ClientExchange::State {
  std::shared_ptr<UpstreamPool::State> pool;
  const UpstreamIdentity* identity = nullptr;
  ClientOptions options;

  std::unique_ptr<Stream> stream;
  Connector* connector = nullptr;  // while connecting
  uint64_t sent_before = 0;        // the stream's count when this exchange took it

  // The request.
  std::string out;
  std::optional<wire::HeadWriter> writer;
  std::string default_host;  // both are kept, since a workspace often serves one upstream
  UpstreamIdentity default_host_of;
  std::string_view body;
  wire::BodyFraming framing;
  uint64_t body_left = 0;
  bool to_head = false;
  bool is_safe = false;        // the method has no effects
  bool is_repeatable = false;  // given to send()
  bool request_done = false;
  bool write_failed = false;

  // The response. `in` holds the head at its front and does not move while it is read.
  Buffer in;
  Buffer collected;
  wire::HeadCursor cursor;
  wire::ResponseHead head;
  wire::BodyReader reader;
  size_t body_start = 0;
  bool got_byte = false;
  bool head_done = false;

  bool sent = false;
  bool reused = false;
  bool repeated = false;
  bool complete = false;
  bool was_cut = false;
  bool cancelled = false;

  void reset();
  void drop_stream();
  Fault fault(int status, std::string message) const;
  Fault io_fault(IoError error, std::string_view doing);
  std::expected<void, Fault> finish_head(wire::BodyFraming framing);
  Task<std::expected<void, Fault>> acquire(bool fresh);
  Task<std::expected<void, Fault>> dispatch();
  Task<std::expected<void, Fault>> fill_head();
  Task<std::expected<void, Fault>> fill_body();
  std::expected<std::string_view, Fault> take_body();
  bool may_repeat() const;
};

struct UpstreamPool::State {
  using Clock = std::chrono::steady_clock;
  struct Idle {
    std::unique_ptr<Stream> stream;
    Clock::time_point since;
  };
  struct Bucket {
    std::vector<Idle> idle;  // oldest first
    std::shared_ptr<TlsClientContext> tls;
  };

  State(Loop& l, PoolOptions o) : loop(l), options(o), sweep(l, &State::on_sweep, this) {}

  Bucket& bucket(const UpstreamIdentity& identity);
  Result<std::shared_ptr<TlsClientContext>> tls_context(const UpstreamIdentity& identity);
  std::unique_ptr<Stream> take(const UpstreamIdentity& identity);
  void put(const UpstreamIdentity& identity, std::unique_ptr<Stream> stream);
  std::unique_ptr<ClientExchange::State> take_workspace();
  void put_workspace(std::unique_ptr<ClientExchange::State> workspace);
  static void on_sweep(void* self);

  Loop& loop;
  PoolOptions options;
  std::unordered_map<UpstreamIdentity, Bucket> buckets;
  std::vector<std::unique_ptr<ClientExchange::State>> workspaces;
  Deadline sweep;
  size_t idle = 0;
  uint64_t opened = 0;
  uint64_t reused = 0;
  bool closed = false;
};

}  // namespace satgate::net
