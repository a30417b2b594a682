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
inline constexpr std::string_view kMetaDenial = "io.satgate/denial";
inline constexpr std::string_view kMetaCharge = "io.satgate/charge";

struct ServerIdentity {
  std::string_view name = "satgate";
  std::string_view version;
  std::string_view instructions = {};
};

// What the gateway offers: the union of what its upstreams do.
struct Capabilities {
  bool tools = true;
  bool tools_list_changed = false;
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

// One line of `tools/list`. Without a price the tool is listed without one (observe).
struct ListedTool {
  const CatalogueEntry* entry = nullptr;
  std::optional<Money> price;  // the worst case of a call
};

// Result of `tools/list`: each tool as its server wrote it, with the name clients use and
// `_meta["io.satgate/price"]` = {"cost":1,"unit":"credits","usd":"1.00"}. In the modern era also
// resultType, ttlMs and cacheScope "private", because the list depends on the token.
void append_tools_list(std::string& out, std::span<const ListedTool> tools, Era era,
                       const Currency& currency = {});

// `resources/list` and the like with nothing in it: {"resources":[]}.
void append_empty_list(std::string& out, std::string_view member, Era era);

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
};

// Appends a `tools/call` result of an upstream with `_meta["io.satgate/charge"]` = {"cost":1,
// "remaining":24,"request_id":...}; everything else byte for byte. An io.satgate/ key that the
// upstream wrote is dropped: upstreams say nothing about money. In the modern era a missing
// resultType is added. `charge` unset: only the clean-up.
Result<void> append_charged_result(std::string& out, std::string_view result,
                                   const std::optional<Charge>& charge, Era era, RawJson& json);

// Whether a `tools/call` result says isError: true. False for what cannot be read.
bool is_error_result(std::string_view result, RawJson& json);

}  // namespace satgate::dialect::mcp
