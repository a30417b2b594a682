#include "flow/mcp/event_stream.h"

#include <fmt/format.h>

#include <utility>

#include "dialect/mcp/raw_json.h"

namespace satgate::flow::mcp {
namespace {

// Where a client may go on from before there was an event (SEP-1699). Older ones do not know it.
constexpr std::string_view kPrimed = "2025-11-25";

}  // namespace

net::Task<bool> EventStream::write_head(const std::string& request_id) {
  started_ = true;
  auto& head = http_.response(200);
  head.field("content-type", "text/event-stream");
  head.field("cache-control", "no-cache, no-transform");
  head.field("x-accel-buffering", "no");
  head.field("x-request-id", request_id);
  const auto went = co_await http_.start({wire::BodyFraming::Kind::chunked, 0},
                                         net::ServerExchange::Head::with_first_piece);
  co_return went.has_value();
}

net::Task<bool> EventStream::start(std::shared_ptr<Outbox> source, std::string request_id) {
  const bool went = co_await write_head(request_id);
  if (!went) co_return false;
  if (!session_) co_return true;
  log_ = session_->open_log(std::move(source));
  if (session_->version() < kPrimed) co_return true;
  out_ += fmt::format("id: {}-0\ndata: \n\n", log_->number);
  co_return co_await send();
}

net::Task<bool> EventStream::resume(Session::Replay replay, std::string request_id) {
  const bool went = co_await write_head(request_id);
  if (!went) co_return false;
  log_ = std::move(replay.log);
  for (auto& [id, text] : replay.events)
    append_event(id, std::move(text));
  if (out_.empty()) out_ += ":\n\n";
  co_return co_await send();
}

void EventStream::append_event(const std::string& id, std::string text) {
  dialect::mcp::make_one_line(text);
  out_ += "event: message\n";
  if (!id.empty()) out_.append("id: ").append(id).append("\n");
  out_.append("data: ").append(text).append("\n\n");
}

net::Task<bool> EventStream::write(std::string text, bool is_last) {
  const std::string id = has_ids() ? session_->log_event(*log_, text, is_last) : std::string();
  append_event(id, std::move(text));
  co_return co_await send();
}

net::Task<bool> EventStream::keep_alive() {
  out_ += ":\n\n";
  co_return co_await send();
}

net::Task<bool> EventStream::name_endpoint(std::string where) {
  out_.append("event: endpoint\ndata: ").append(where).append("\n\n");
  co_return co_await send();
}

net::Task<bool> EventStream::send() {
  const auto went = co_await http_.write(out_);
  out_.clear();
  co_return went.has_value();
}

net::Task<> EventStream::finish() {
  const auto ended = co_await http_.finish();
  (void)ended;
}

}  // namespace satgate::flow::mcp
