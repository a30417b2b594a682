// JSON-RPC 2.0 as MCP uses it: what a message asks, and the message that is sent on in its place.
//
// A message from a client is never sent on as it came. The gateway writes a new envelope around the
// raw parts it has read (arguments, results, schemas pass byte for byte), so that no upstream can
// read a different method or tool out of it than the one that was priced. Members that decide
// something may appear once and only in their own spelling: `Name` beside `name` is refused,
// because Go's encoding/json takes the last of both.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/mcp/raw_json.h"

namespace satgate::dialect::mcp {

// JSON-RPC and MCP error codes that the gateway itself answers with.
inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;
inline constexpr int kHeaderMismatch = -32020;      // 2026-07-28
inline constexpr int kUnsupportedVersion = -32022;  // 2026-07-28
inline constexpr int kMissingCapability = -32021;   // 2026-07-28
inline constexpr int kBudgetDenied = -32000;        // CONTRACT.md, `mcp.denial: jsonrpc`
inline constexpr int kPolicyDenied = -32001;
inline constexpr int kRateDenied = -32004;

// An error answer in the making. `http_status` is for Streamable HTTP; stdio has none.
struct RpcError {
  int code = kInternalError;
  std::string message;
  std::string data = {};  // raw JSON, or empty
  int http_status = 200;
};

template <class T>
using RpcResult = std::expected<T, RpcError>;

inline constexpr size_t kBatchMax = 64;           // messages of one 2025-03-26 batch
inline constexpr size_t kIdBytesMax = 512;        // raw
inline constexpr size_t kToolNameBytesMax = 128;  // MCP: 1 to 128 characters

struct Message {
  enum class Kind : uint8_t { request, notification, response };
  Kind kind = Kind::request;
  std::string_view id;      // raw, a string or an integer: `7`, `"a"`; empty for a notification.
                            // `null` only in an error response to something unreadable
  std::string_view method;  // unescaped; empty for a response
  std::string_view params;  // raw object, or empty
  std::string_view result;  // response: raw, or empty
  std::string_view error;   // response: raw object, or empty
};

struct Envelope {
  bool is_batch = false;
  std::vector<Message> messages;  // never empty
};

// Reads what a client sent. Errors: -32700 (not JSON), -32600 (not JSON-RPC), both with status 400.
// Views live as long as `text` and until json.forget().
RpcResult<Envelope> read_envelope(std::string_view text, RawJson& json);

// Reads one message of an upstream: the same rules, without the check for look-alike keys (nothing
// an upstream says is a decision) and without batches.
Result<Message> read_upstream(std::string_view text, RawJson& json);

// `_meta` of a request.
struct RequestMeta {
  bool present = false;
  std::string_view progress_token;       // raw string or integer, or empty
  std::string_view protocol_version;     // unescaped; modern era
  std::string_view client_info;          // raw object, or empty
  std::string_view client_capabilities;  // raw object, or empty
  std::string_view log_level;            // unescaped, or empty
};

// Errors: -32602, with status 400 as the modern era asks for a `_meta` that cannot be read.
RpcResult<RequestMeta> read_meta(std::string_view params, RawJson& json);

// What `tools/call` asks.
struct ToolCall {
  std::string_view name;       // unescaped: the name the client sees
  std::string_view arguments;  // raw object, or empty
  RequestMeta meta;
};

// Errors: -32602, with status 200 unless it is about `_meta`.
RpcResult<ToolCall> read_tool_call(std::string_view params, RawJson& json);

// The member of params that Mcp-Name repeats: `name` (tools/call, prompts/get) or `uri`
// (resources/read). Empty where the method has none, or it is missing.
RpcResult<std::string_view> read_named(std::string_view method, std::string_view params,
                                       RawJson& json);

// A string member of a params object, unescaped ("cursor", "uri", "level"); nothing when missing.
RpcResult<std::optional<std::string_view>> read_string_member(std::string_view params,
                                                              std::string_view key, RawJson& json);

// How the params of a client become the params of an upstream.
struct ParamsRewrite {
  std::string_view name = {};            // replaces `name` where there is one; empty: stays
  std::string_view ref_name = {};        // replaces `ref.name`, as completion/complete has it
  std::string_view progress_token = {};  // raw; replaces the client's; empty: none is sent
  // The next round of a call of 2026-07-28, both raw; empty: what the params have stays.
  std::string_view input_responses = {};
  std::string_view request_state = {};
  std::string_view modern_meta = {};  // raw members for a modern upstream ("\"k\":v,..."), or empty
};

// Appends the params object. Keeps arguments and other members byte for byte; drops what belongs to
// the hop between client and gateway: `_meta` keys of io.modelcontextprotocol/ and io.satgate/.
Result<void> append_params(std::string& out, std::string_view params, const ParamsRewrite& rewrite,
                           RawJson& json);

// notifications/progress: the token it is about, raw; and its params with another token instead.
Result<std::string_view> read_progress_token(std::string_view params, RawJson& json);
Result<void> append_progress_params(std::string& out, std::string_view params,
                                    std::string_view token, RawJson& json);

// Messages. `id` is raw; params, result and error are raw or empty. Appended without a line break.
void append_request(std::string& out, std::string_view id, std::string_view method,
                    std::string_view params);
void append_notification(std::string& out, std::string_view method, std::string_view params);
void append_result(std::string& out, std::string_view id, std::string_view result);
// Up to the result; a brace closes it.
void begin_result(std::string& out, std::string_view id);
void append_error(std::string& out, std::string_view id, std::string_view raw_error);
void append_error(std::string& out, std::string_view id, const RpcError& error);  // id empty: null
std::string error_object(const RpcError& error);                                  // raw

// Puts another raw id into a response that was appended with `before` (and nothing in front of it).
void readdress(std::string& response, std::string_view before, std::string_view id);

}  // namespace satgate::dialect::mcp
