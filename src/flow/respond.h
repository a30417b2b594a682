// Refusals and faults -> bytes, in the envelope of the route's protocol; and the response fields
// that say what a call cost. The only place where a status code is chosen.
#pragma once

#include <cstdint>
#include <string_view>

#include "contract/call.h"
#include "contract/fault.h"
#include "contract/refusal.h"
#include "flow/conversation.h"
#include "flow/settings.h"
#include "net/http_server.h"
#include "net/task.h"

namespace satgate::flow {

// 402 for a window that is used up, 429 on LLM routes, or what denials.windowStatus says.
int denial_status(const Denial& denial, Protocol protocol, const Settings& settings);

// X-Request-Id, X-SatGate-Decision, X-Cost-Per-Call, X-Budget-Remaining and what observe and clamps
// have to say. `settled` has the final figures where they are known.
void write_call_fields(wire::HeadWriter& head, const Call& call, const Passing& passing,
                       const Settled& settled, const Currency& currency);

// Payment-Receipt, with a good answer.
void write_receipt(wire::HeadWriter& head, int status, const Passing& passing);

net::Task<> respond_denial(net::ServerExchange& http, const Call& call, const Denial& denial,
                           const Settings& settings);
net::Task<> respond_fault(net::ServerExchange& http, const Call& call, const Fault& fault);

// A request that cannot be read: 400 and the like, before there is a decision.
net::Task<> respond_error(net::ServerExchange& http, Protocol protocol, const RequestId& id,
                          int status, std::string_view code, std::string_view message);

net::Task<> respond_json(net::ServerExchange& http, int status, std::string_view body);

}  // namespace satgate::flow
