// What a relay says to a client (NIP-01). It is trusted with nothing: events are believed for their
// signatures, and all else can at most make a request fail.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "node/nostr.h"

namespace satgate::node {

struct RelayMessage {
  enum class Kind : uint8_t {
    event,     // of the subscription `subject`
    taken,     // OK true: the event `subject` was accepted
    refused,   // OK false
    all_sent,  // EOSE: what is stored was sent
    closed,    // the relay has ended the subscription `subject`
    other,     // for people, or not known here
  };
  Kind kind = Kind::other;
  std::string subject;
  std::string text;  // refused, closed, other: for people
  NostrEvent event;  // event: checked by read_event()
};

Result<RelayMessage> read_relay_message(std::string_view text);

}  // namespace satgate::node
