#include "flow/mcp/session_asks.h"

#include <utility>

#include "base/json_out.h"
#include "dialect/mcp/asking.h"

namespace satgate::flow::mcp {

namespace dm = dialect::mcp;

net::Task<std::expected<AskReply, Fault>> SessionAsks::ask(std::vector<Ask> asks,
                                                           std::shared_ptr<Outbox> on,
                                                           const Clock& clock) {
  AskReply reply;
  JsonOut responses(reply.responses);
  responses.object();
  const dm::ElicitationMap name = [this](std::string_view id) {
    return session_->begin_elicitation(server_, id);
  };
  for (const Ask& one : asks) {
    if (withdrawn_.contains(one.number)) continue;
    std::string params = one.params;
    if (one.method == "elicitation/create") {
      dm::RawJson json;
      params = dm::map_elicitation(one.params, name, json);
    }
    auto answered =
        co_await session_->ask(one.method, std::move(params), *on, {by_, one.number}, clock.now());
    if (withdrawn_.contains(one.number)) continue;
    if (!answered) co_return std::unexpected(std::move(answered.error()));
    if (!answered->error.empty()) {
      reply.error = std::move(answered->error);
      co_return reply;
    }
    responses.member(one.key).raw(answered->result);
  }
  responses.end();
  co_return reply;
}

void SessionAsks::withdrawn(uint64_t number, std::string_view reason, Outbox& on) {
  withdrawn_.insert(number);
  session_->withdraw_ask({by_, number}, reason, on);
}

net::Task<std::expected<AskReply, Fault>> BetweenCalls::ask(std::vector<Ask> asks) {
  const auto mine = std::make_shared<SessionAsks>(session_, server_, this);
  asks_ = mine;
  co_return co_await mine->ask(std::move(asks), session_->standalone(), clock_);
}

void BetweenCalls::withdrawn(uint64_t number, std::string_view reason) {
  if (asks_) asks_->withdrawn(number, reason, *session_->standalone());
}

}  // namespace satgate::flow::mcp
