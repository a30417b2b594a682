// The order of the rooms: what every governed call goes through, whatever its protocol.
#pragma once

#include "flow/conversation.h"
#include "flow/worker.h"
#include "net/task.h"

namespace satgate::flow {

// Decides, forwards, settles, records and answers one call. Returns when the answer is complete or
// has been given up. Both references must outlive the task.
net::Task<> exchange(Worker& worker, Conversation& conversation);

// Whether a credential opens the door at all, for requests that spend nothing (MCP handshakes and
// lists). Nothing: it does. A refusal is written to the record.
std::optional<Denial> judge_credential(Worker& worker, const Conversation& conversation);

}  // namespace satgate::flow
