// What the gateway itself says to an MCP client: handshakes, lists with prices, denials, receipts.
// Results are raw JSON objects; message.h puts them into an envelope.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/money.h"
#include "contract/refusal.h"
#include "dialect/mcp/catalogue.h"
#include "dialect/mcp/message.h"
#include "dialect/mcp/version.h"

namespace satgate::dialect::mcp {

inline constexpr std::string_view kMetaPrice = "io.satgate/price";
inline constexpr std::string_view kMetaBudget = "io.satgate/budget";
inline constexpr std::string_view kMetaDenial = "io.satgate/denial";
inline constexpr std::string_view kMetaCharge = "io.satgate/charge";

struct ServerIdentity {
  std::string_view name = "satgate";
  std::string_view version;
  std::string_view instructions = {};
};

// What the gateway offers: the union of what its upstreams do. It tells of changes of each.
struct Capabilities {
  bool tools = true;
  bool resources = false;
  bool prompts = false;
  bool completions = false;
  bool logging = false;
};

// Result of `initialize` for a negotiated version.
void append_initialize_result(std::string& out, std::string_view version,
                              const Capabilities& capabilities, const ServerIdentity& identity);
// Result of `server/discover`.
void append_discover_result(std::string& out, const Capabilities& capabilities,
                            const ServerIdentity& identity);
// `{}`, or what the modern era asks of an empty result.
void append_empty_result(std::string& out, Era era);

// What one payment of a buyer is, and how many calls it buys.
struct SatPrice {
  int64_t sats = 0;
  uint32_t calls = 0;

  bool operator==(const SatPrice&) const = default;
};

// One line of a list. Without a price it is listed without one (observe).
struct Listed {
  const Item* item = nullptr;
  std::string_view name;                // that clients use: of a resource its uri
  std::optional<Money> price;           // the worst case of a call
  std::string price_parts = {};         // raw object: what it is made of; empty: it is flat
  std::optional<Money> remaining = {};  // that the caller may spend on it now; nothing: no limit
  std::optional<SatPrice> sats = {};    // where it is for sale
};

// Result of a list: each item as its server wrote it, with the name clients use and
// `_meta["io.satgate/price"]` = {"cost":1,"unit":"credits","usd":"1.00"}; a price that depends on
// the call has "at_most":true and its parts; what is sold by the call has "sats":10,"calls":1.
// Where there is a limit also
// `_meta["io.satgate/budget"]` = {"remaining":24}. In the modern era also
// resultType, ttlMs and cacheScope "private", because the list depends on the token. `next_cursor`:
// where the list goes on; empty: it ends here.
void append_list(std::string& out, std::string_view member, std::span<const Listed> items, Era era,
                 const Currency& currency = {}, std::string_view next_cursor = {});

// --- what a server asks of a client, and says to it ---

// One request of a server, in a round.
struct AskView {
  std::string_view key, method, params;  // params: raw, or empty
};
// A whole response: result `input_required` of 2026-07-28.
void append_input_required(std::string& out, std::string_view id, std::span<const AskView> asks,
                           std::string_view state);

enum class Change : uint8_t { tools, prompts, resources, resource };
// notifications/tools/list_changed and the like. `subscription` is the raw id of the
// `subscriptions/listen` that it belongs to, or empty (legacy).
void append_change(std::string& out, Change change, std::string_view uri,
                   std::string_view subscription);

// What `subscriptions/listen` asks for.
struct ListenFilter {
  bool tools = false;
  bool prompts = false;
  bool resources = false;
  std::vector<std::string> uris;
};
RpcResult<ListenFilter> read_listen(std::string_view params, RawJson& json);
// Its first frame: what will be told.
void append_listen_acknowledged(std::string& out, const ListenFilter& honoured,
                                std::string_view subscription);

// Its last frame, where the server ends it: the response.
void append_listen_ended(std::string& out, std::string_view subscription);

// How a client comes back to a call that was answered `input_required`.
struct RoundReply {
  std::string_view state;      // unescaped; empty: this is no further round
  std::string_view responses;  // raw object, or empty
};
RpcResult<RoundReply> read_round_reply(std::string_view params, RawJson& json);

// What completion/complete is about: a prompt, or a resource template.
struct CompletionRef {
  bool is_prompt = false;
  std::string_view name;  // or uri
};
RpcResult<CompletionRef> read_completion_ref(std::string_view params, RawJson& json);

// --- denials (CONTRACT.md, "Denials") ---

enum class DenialStyle : uint8_t { result, jsonrpc, http };
std::optional<DenialStyle> parse_denial_style(std::string_view text);

// The sentence for the model: what was refused, what is left, what was needed, when it resets,
// what cheaper tool there is, and that the same call again will not help.
std::string denial_text(const Denial& denial);

// A whole response with the denial: a result with isError, or a JSON-RPC error with `data`. With
// DenialStyle::http the body is the JSON-RPC error too; the caller sends http_status(refusal).
void append_denial(std::string& out, std::string_view id, const Denial& denial,
                   const RequestId& request, DenialStyle style, Era era);

int denial_error_code(Refusal refusal);  // -32000 budget, -32001 policy, -32004 rate

// --- receipts ---

struct Charge {
  Money cost;
  std::optional<Money> remaining;  // nothing: no limit on the path
  RequestId request;
  std::optional<int64_t> cache_age_seconds = {};  // of an answer that was given before
  bool withheld = false;                          // the answer was larger than was paid for
  std::string receipt = {};                       // raw object: of a payment (MPP); empty: none
};

// Appends a result of an upstream with `_meta["io.satgate/charge"]` = {"cost":1,
// "remaining":24,"request_id":...}, also "cache":"hit" with "age", or "withheld":true; everything
// else byte for byte. An io.satgate/ key that the
// upstream wrote is dropped: upstreams say nothing about money. In the modern era a missing
// resultType is added, and to what clients may keep (`cacheable`) ttlMs and cacheScope "private",
// whatever the upstream says: what one token may read is not for another. A legacy client gets none
// of the three. `charge` unset: only the clean-up.
Result<void> append_charged_result(std::string& out, std::string_view result,
                                   const std::optional<Charge>& charge, Era era, bool cacheable,
                                   RawJson& json);

// Whether a `tools/call` result says isError: true. False for what cannot be read.
bool is_error_result(std::string_view result, RawJson& json);

}  // namespace satgate::dialect::mcp
