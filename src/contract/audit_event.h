// One decision, as it is written. Every decision is one event (Law 3.1): calls, and what people and
// the gateway itself do to tokens, budgets and config. No secret, token or prompt is ever in one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/money.h"
#include "base/time.h"
#include "contract/call.h"
#include "contract/mode.h"
#include "contract/refusal.h"
#include "contract/share.h"

namespace satgate {

enum class Decision : uint8_t { allow, deny, would_deny };

enum class EventKind : uint8_t {
  call,       // a governed call, allowed or not
  mint,       // a root token was minted, or a child carved
  attenuate,  // a lineage point was seen for the first time
  update,     // limits of a token or a budget were changed
  revoke,
  budget,    // a named budget was created or changed
  config,    // the gateway started, or took a new config
  recovery,  // what a restart found: reservations charged, leases written off
  expire,    // a reservation without an end was charged
  overrun,   // an upstream reported more than was reserved
  unblock,   // a person cleared an overrun
  approve,   // a person let a call pass that waited for it
  deny,      // a person did not
  accept,    // a person accepted what a server says about a tool
  pay,       // a buyer's payment was found settled, and opened a paid token
  refund,    // what a buyer had paid goes back, or did, or did not
  outcome,   // of an answered call that is paid by it: it was told, or its time was over
};

std::string_view to_string(Decision decision);
std::string_view to_string(EventKind kind);

struct Label {
  std::string_view name;  // project, team, environment, workflow, ...
  std::string_view value;
};

struct AuditEvent {
  Time time;
  EventKind kind = EventKind::call;
  std::string_view subject;  // the root token's name; "anonymous", "key-..."; "admin"; "gateway"
  std::optional<TokenId> token;
  std::vector<std::string_view> holders;  // from the root down
  std::vector<Label> labels;
  std::string_view budget;   // the named budget the token spends from
  std::optional<Call> call;  // its protocol, upstream, tool, endpoint, model, method, route, id
  std::optional<Money> quote;
  std::optional<Money> cost;
  std::span<const Share> shares;  // of the cost; the config's
  std::optional<Decision> decision;
  std::optional<Refusal> refusal;
  std::optional<Usage> usage;
  int http_status = 0;         // what the client was told; 0 where there was none
  bool cache_hit = false;      // answered from the response cache
  bool usage_missing = false;  // charged conservatively: the upstream did not say
  uint64_t clamped_output_tokens = 0;
  // The loop guard: how often the same call was made in its window, this one included, once that is
  // too often. Else 0.
  uint64_t loop_repeats = 0;
  std::string_view detail;  // a sentence for a person

  // As new, but with the memory of its lists.
  void clear() {
    AuditEvent fresh;
    fresh.holders.swap(holders);
    fresh.labels.swap(labels);
    fresh.holders.clear();
    fresh.labels.clear();
    *this = std::move(fresh);
  }
};

}  // namespace satgate
