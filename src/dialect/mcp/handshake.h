// What the gateway says as a client when it meets a server, and what the server says about itself:
// `initialize` of the legacy era, `server/discover` of the modern one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/mcp/raw_json.h"
#include "dialect/mcp/reply.h"

namespace satgate::dialect::mcp {

struct ServerHello {
  std::string version;  // that both sides speak from now on
  Capabilities offers;
  bool resource_updates = false;  // legacy: resources/subscribe
  std::string info;               // "name version", as it says about itself
};

// `capabilities` is a raw object: what the client behind this connection can be asked for.
void append_initialize_params(std::string& out, std::string_view capabilities,
                              std::string_view gateway_version);
Result<ServerHello> read_initialize_result(std::string_view result, RawJson& json);

// The members of `_meta` of every request to a modern server, without braces. `capabilities` is a
// raw object or empty; without `log_level` the server sends no logs.
void append_modern_meta(std::string& out, std::string_view capabilities,
                        std::string_view gateway_version, std::string_view log_level);
Result<ServerHello> read_discover_result(std::string_view result, RawJson& json);

// What the error of a server to a modern request says about its era.
enum class EraHint : uint8_t { legacy, modern, unknown_version, again };
// Of a raw JSON-RPC error object. unknown_version: it is modern, but has no version in common.
// again: it says that it takes the very version that it was asked in.
EraHint read_era_hint(std::string_view error, RawJson& json);

// The code of a raw JSON-RPC error object, 0 where there is none.
int64_t read_error_code(std::string_view error, RawJson& json);

// `resultType: input_required` of 2026-07-28.
struct InputRequired {
  struct Request {
    std::string_view key;     // unescaped
    std::string_view method;  // unescaped
    std::string_view params;  // raw object, or empty
  };
  std::vector<Request> requests;
  std::string_view request_state;  // raw string, or empty
};
// Nothing: the result is final. An error: it asks for input in a form that cannot be read.
Result<std::optional<InputRequired>> read_input_required(std::string_view result, RawJson& json);

// Whether a client with these capabilities (raw, or empty) takes a request of this method, with
// these params: an elicitation in mode "url" only who says so, a form who says nothing else.
bool can_be_asked(std::string_view capabilities, std::string_view method, std::string_view params,
                  RawJson& json);
// Its member of ClientCapabilities: "sampling"; empty for what servers do not ask.
std::string_view asked_capability(std::string_view method);

// The rank of a log level in RFC 5424's order, 0 is debug. Nothing for what is none.
std::optional<int> log_rank(std::string_view level);

}  // namespace satgate::dialect::mcp
