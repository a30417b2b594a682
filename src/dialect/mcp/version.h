// Protocol revisions and eras. Legacy: `initialize` and sessions, 2024-11-05 to 2025-11-25. Modern:
// 2026-07-28, stateless, every request carries its version in `_meta` and in a header. The client
// chooses the era by how it opens; one endpoint serves both.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/mcp/message.h"

namespace satgate::dialect::mcp {

enum class Era : uint8_t { legacy, modern };

inline constexpr std::array<std::string_view, 4> kLegacyVersions = {"2025-11-25", "2025-06-18",
                                                                    "2025-03-26", "2024-11-05"};
inline constexpr std::string_view kLatestLegacy = "2025-11-25";
inline constexpr std::string_view kModernVersion = "2026-07-28";
inline constexpr std::string_view kAssumedVersion = "2025-03-26";  // legacy, without the header

inline constexpr std::string_view kMetaProtocolVersion = "io.modelcontextprotocol/protocolVersion";
inline constexpr std::string_view kMetaClientInfo = "io.modelcontextprotocol/clientInfo";
inline constexpr std::string_view kMetaClientCapabilities =
    "io.modelcontextprotocol/clientCapabilities";
inline constexpr std::string_view kMetaLogLevel = "io.modelcontextprotocol/logLevel";
inline constexpr std::string_view kMetaServerInfo = "io.modelcontextprotocol/serverInfo";

bool is_legacy_version(std::string_view version);

// `initialize`: the version asked for where it is known, else the latest legacy one.
std::string_view negotiate(std::string_view requested);

// The headers that repeat the body, raw; unset: not sent.
struct McpHeaders {
  std::optional<std::string_view> protocol_version;  // MCP-Protocol-Version
  std::optional<std::string_view> method;            // Mcp-Method
  std::optional<std::string_view> name;              // Mcp-Name
};

// Which era a POSTed message belongs to, with every rule of that era on headers and `_meta`
// checked:
//   modern: -32602 (missing `_meta` fields), -32020 (a header differs from the body), -32022
//           (version; data {supported, requested}), -32601 with 404 (a method the era has not)
//   legacy: -32600 with 400 for a version header that no legacy revision has
// A session header plays no part: a modern request ignores it.
RpcResult<Era> classify(const Message& message, const McpHeaders& headers, RawJson& json);

// What the response to an `initialize` has agreed on; empty where it says nothing we can read.
std::string agreed_version(std::string_view response, RawJson& json);

// Methods a modern request may name; anything else is 404 and -32601.
bool is_modern_method(std::string_view method);

// Decodes `=?base64?...?=`; other values pass as they are. Nothing for bad base64.
std::optional<std::string> decode_header_value(std::string_view value);

// As a client of a modern upstream: the value of a header, encoded where it must be.
std::string encode_header_value(std::string_view value);

}  // namespace satgate::dialect::mcp
