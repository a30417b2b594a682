#include "flow/exchange.h"

#include "flow/passage.h"

namespace satgate::flow {

net::Task<> exchange(Worker& worker, Conversation& conversation) {
  Passage call(worker, conversation);

  call.identify();  // whose authority is this, and does it still stand?
  if (call.is_unredeemed()) co_await call.redeem();  // L402: was it paid for?
  call.authorize();                                  // does it cover this tool, endpoint or model?
  call.judge_tool();  // does the config allow it, and what it is given?
  // What does somebody else say that it costs?
  if (call.asks_pricer()) co_await call.ask_pricer();
  call.price();  // what can it cost at most? no price, no passage
  call.trace();  // which accounts does it spend from?
  // MCP: does a person have to say yes first, and did one?
  if (call.needs_approval()) co_await call.seek_approval();
  if (call.guards_loops()) co_await call.guard_loop();  // the same call, over and over?
  call.choose_model();   // LLM: may a cheaper model serve it? priced anew
  call.find_cached();    // LLM, tools: was the same answered already? then at the price of that
  co_await call.hold();  // does it fit on all of them? held and journaled before forwarding
  if (call.needs_approval()) co_await call.use_approval();  // once, and gone before it is sent
  if (call.can_be_sold()) co_await call.offer_payment();    // L402: what it costs, and how to pay
  if (call.refused()) {
    call.record_refusal();  // nothing is unwritten
    co_await call.refuse();
    co_return;
  }
  co_await call.forward();        // everything but the end of the answer
  call.settle();                  // the one place where money ends, errors included; with its event
  while (call.may_fall_back()) {  // LLM: the upstream failed; somebody else, priced and held anew
    const bool is_held = co_await call.falls_back();
    if (!is_held) break;
    co_await call.forward();
    call.settle();
  }
  co_await call.answer();  // the end of the answer, only now
}

std::optional<Denial> judge_credential(Worker& worker, const Conversation& conversation) {
  Passage call(worker, conversation);
  call.identify();
  if (!call.refused()) return std::nullopt;
  call.record_refusal();
  return call.denial();
}

}  // namespace satgate::flow
