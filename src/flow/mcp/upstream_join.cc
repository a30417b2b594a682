// Handshakes: which era a server speaks, and what it offers.
#include <fmt/format.h>

#include <utility>

#include "dialect/mcp/message.h"
#include "flow/mcp/upstream.h"

namespace satgate::flow::mcp {
namespace {

namespace mcp = dialect::mcp;
using std::chrono::milliseconds;

}  // namespace

net::Task<Result<void>> Upstream::join() {
  joins_ += 1;
  auto connected = co_await connect();
  if (!connected) co_return connected;
  auto shaken = co_await shake_hands();
  if (!shaken) {
    era_.reset();  // it may be another server by now
    co_return shaken;
  }
  if (!connection_.has_lists) {
    const bool wants_fields = era_ == mcp::Era::modern;  // that the tools say, of every call
    if (!wants_fields) co_return Result<void>();
    co_return co_await read_lists(bit(ListKind::tools));
  }
  stale_ = 0;
  auto read = co_await read_lists(bit(ListKind::all));
  co_return read;
}

net::Task<Result<void>> Upstream::shake_hands() {
  if (era_ == mcp::Era::legacy) co_return co_await initialize();
  const bool is_known = era_.has_value();
  probing_ = !is_known;
  const auto probed = co_await discover(is_http() ? options_.handshake_wait : options_.probe_wait);
  probing_ = false;
  if (stopping_) co_return fail("it is stopped");
  if (probed.met) co_return Result<void>();
  if (!probed.may_be_legacy) co_return fail(probed.why);
  if (broken_) {  // the question has killed it
    auto again = co_await connect_again();
    if (!again) co_return again;
  }
  probing_ = probed.was_slow;
  auto met = co_await initialize();
  probing_ = false;
  if (met || !probed.was_slow || stopping_) co_return met;
  if (broken_) {  // it was only slow to start, and then the question has killed it
    auto again = co_await connect_again();
    if (!again) co_return again;
    co_return co_await initialize();
  }
  // It was only slow to start, and knows no initialize.
  const auto late = co_await discover(options_.handshake_wait);
  if (late.met) co_return Result<void>();
  co_return met;
}

net::Task<Result<void>> Upstream::connect_again() {
  broken_ = false;
  co_await disconnect();
  joins_ += 1;
  if (stopping_) co_return fail("it is stopped");
  co_return co_await connect();
}

net::Task<Upstream::Probe> Upstream::discover(milliseconds at_most, bool again) {
  Probe probe;
  std::string method = "server/discover";
  std::string params = modern_params();
  const auto answer = co_await ask(std::move(method), std::move(params), at_most, true);
  if (!answer) {
    probe.was_slow = answer.error().fault.http_status == 504;
    probe.may_be_legacy = answer.error().fault.sent_upstream || broken_;
    probe.why = answer.error().fault.message;
    co_return probe;
  }
  mcp::ServerHello hello;
  if (answer->result.empty()) {
    const auto hint = mcp::read_era_hint(answer->error, json_);
    json_.forget();
    if (hint == mcp::EraHint::again && !again) co_return co_await discover(at_most, true);
    probe.may_be_legacy = hint == mcp::EraHint::legacy;
    probe.why = "it speaks no version of MCP that we know";
    if (hint != mcp::EraHint::modern) co_return probe;
    // It says nothing about what it offers: its lists will tell.
    hello.version = mcp::kModernVersion;
    hello.offers.prompts = hello.offers.resources = hello.offers.completions = true;
  } else {
    auto read = mcp::read_discover_result(answer->result, json_);
    json_.forget();
    if (!read) {
      probe.may_be_legacy = true;
      probe.why = read.error().message;
      co_return probe;
    }
    hello = std::move(*read);
  }
  probe.met = true;
  era_ = mcp::Era::modern;
  adopt(std::move(hello));
  co_return probe;
}

net::Task<Result<void>> Upstream::initialize() {
  std::string params;
  mcp::append_initialize_params(params, connection_.capabilities, options_.version);
  std::string method = "initialize";
  const auto answer =
      co_await ask(std::move(method), std::move(params), options_.handshake_wait, false);
  if (!answer) co_return fail(answer.error().fault.message);
  if (answer->result.empty()) co_return fail("initialize was answered with an error");
  auto hello = mcp::read_initialize_result(answer->result, json_);
  json_.forget();
  if (!hello) co_return std::unexpected(hello.error());
  era_ = mcp::Era::legacy;
  adopt(std::move(*hello));
  std::string initialized;
  mcp::append_notification(initialized, "notifications/initialized", {});
  co_await notify(std::move(initialized));
  co_return Result<void>();
}

void Upstream::adopt(mcp::ServerHello hello) {
  hello_ = std::move(hello);
  joined(hello_.version);
}

std::string Upstream::modern_params() const {
  std::string params = R"({"_meta":{)";
  mcp::append_modern_meta(params, {}, options_.version, {});
  params += "}}";
  return params;
}

// A question of our own, outside of any call.
net::Task<Answer> Upstream::ask(std::string method, std::string params, milliseconds at_most,
                                bool is_modern) {
  Outgoing outgoing;
  outgoing.id = ++next_id_;
  outgoing.opens_session = method == "initialize";
  outgoing.is_modern = is_modern;
  if (is_modern) outgoing.fields = {{"mcp-method", method}};
  mcp::append_request(outgoing.text, std::to_string(outgoing.id), method, params);
  const auto flight = std::make_shared<Flight>(loop_);
  flight->id = outgoing.id;
  flight->can_own_asks = false;
  flight->arm(at_most);
  auto answer = co_await exchange(std::move(outgoing), flight);
  flight->close();
  co_return answer;
}

}  // namespace satgate::flow::mcp
