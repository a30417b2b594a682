#include "flow/exchange.h"

#include "flow/passage.h"

namespace satgate::flow {

net::Task<> exchange(Worker& worker, Conversation& conversation) {
  Passage call(worker, conversation);

  call.identify();   // whose authority is this, and does it still stand?
  call.authorize();  // does it cover this tool, endpoint or model?
  call.price();      // what can it cost at most? no price, no passage
  call.trace();      // which accounts does it spend from?
  if (call.guards_loops()) co_await call.guard_loop();  // the same call, over and over?
  call.choose_model();   // LLM: may a cheaper model serve it? priced anew
  call.find_cached();    // LLM: was the same answered already? then at the price of that
  co_await call.hold();  // does it fit on all of them? held and journaled before forwarding
  if (call.refused()) {
    call.record_refusal();  // nothing is unwritten
    co_await call.refuse();
    co_return;
  }
  co_await call.forward();  // everything but the end of the answer
  call.settle();            // the one place where money ends, errors included; with its event
  while (call.may_fall_back() && co_await call.falls_back()) {  // LLM: somebody else, held anew
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
