#include "dialect/mcp/version.h"

#include <algorithm>

#include "base/json_out.h"
#include "base/text.h"
#include "base/time.h"

namespace satgate::dialect::mcp {
namespace {

constexpr std::string_view kModernMethods[] = {
    "server/discover",     "tools/list",          "tools/call",     "prompts/list",
    "prompts/get",         "resources/list",      "resources/read", "resources/templates/list",
    "completion/complete", "subscriptions/listen"};

constexpr std::string_view kEncodedStart = "=?base64?";
constexpr std::string_view kEncodedEnd = "?=";

std::unexpected<RpcError> refuse(int code, std::string message) {
  return std::unexpected(RpcError{.code = code, .message = std::move(message), .http_status = 400});
}

// A revision is a date. One after the last legacy revision announces the modern rules, even where
// this gateway does not know it.
bool is_after_legacy(std::string_view version) {
  return version.size() == kLatestLegacy.size() && parse_time(version) && version > kLatestLegacy;
}

RpcError unsupported(std::string_view requested) {
  std::string data;
  JsonOut json(data);
  json.object().key("supported").array().string(kModernVersion);
  for (const std::string_view version : kLegacyVersions)
    json.string(version);
  json.end_array().key("requested").string(requested).end();
  return RpcError{.code = kUnsupportedVersion,
                  .message = "Unsupported protocol version",
                  .data = std::move(data),
                  .http_status = 400};
}

RpcResult<void> match(const std::optional<std::string_view>& header, std::string_view name,
                      std::string_view expected) {
  if (!header) return refuse(kHeaderMismatch, std::string(name) + " header is missing");
  const auto value = decode_header_value(trim(*header));
  if (!value || *value != expected) {
    return refuse(kHeaderMismatch, std::string(name) + " header differs from the body");
  }
  return {};
}

RpcResult<Era> check_modern(const Message& message, const RequestMeta& meta,
                            const McpHeaders& headers, RawJson& json) {
  if (message.kind == Message::Kind::response) {
    return refuse(kInvalidRequest, "Invalid request: clients send no responses");
  }
  if (message.kind == Message::Kind::notification) {
    if (headers.method) TRY(match(headers.method, "Mcp-Method", message.method));
    return Era::modern;
  }
  if (meta.protocol_version.empty() || meta.client_capabilities.empty()) {
    return refuse(kInvalidParams, "Invalid params: _meta needs " +
                                      std::string(kMetaProtocolVersion) + " and " +
                                      std::string(kMetaClientCapabilities));
  }
  TRY(match(headers.protocol_version, "MCP-Protocol-Version", meta.protocol_version));
  if (meta.protocol_version != kModernVersion) {
    return std::unexpected(unsupported(meta.protocol_version));
  }
  TRY(match(headers.method, "Mcp-Method", message.method));
  if (!is_modern_method(message.method)) {
    return std::unexpected(
        RpcError{.code = kMethodNotFound, .message = "Method not found", .http_status = 404});
  }
  TRY_ASSIGN(const auto name, read_named(message.method, message.params, json));
  if (!name.empty()) TRY(match(headers.name, "Mcp-Name", name));
  return Era::modern;
}

}  // namespace

bool is_legacy_version(std::string_view version) {
  return std::find(kLegacyVersions.begin(), kLegacyVersions.end(), version) !=
         kLegacyVersions.end();
}

std::string_view negotiate(std::string_view requested) {
  for (const std::string_view version : kLegacyVersions) {
    if (version == requested) return version;
  }
  return kLatestLegacy;
}

std::string agreed_version(std::string_view response, RawJson& json) {
  const auto message = read_upstream(response, json);
  if (!message || message->result.empty()) return {};
  const auto version = read_string_member(message->result, "protocolVersion", json);
  return version ? std::string(version->value_or("")) : std::string();
}

bool is_modern_method(std::string_view method) {
  return std::find(std::begin(kModernMethods), std::end(kModernMethods), method) !=
         std::end(kModernMethods);
}

RpcResult<Era> classify(const Message& message, const McpHeaders& headers, RawJson& json) {
  const std::string_view version = trim(headers.protocol_version.value_or(""));
  RequestMeta meta;
  if (message.kind != Message::Kind::response) {
    TRY_ASSIGN(meta, read_meta(message.params, json));
  }
  if (!meta.protocol_version.empty() || is_after_legacy(version)) {
    return check_modern(message, meta, headers, json);
  }
  if (!version.empty() && !is_legacy_version(version) && message.method != "initialize") {
    return refuse(kInvalidRequest, "Invalid request: unknown MCP-Protocol-Version");
  }
  return Era::legacy;
}

std::optional<std::string> decode_header_value(std::string_view value) {
  if (!value.starts_with(kEncodedStart) || !value.ends_with(kEncodedEnd) ||
      value.size() < kEncodedStart.size() + kEncodedEnd.size()) {
    return std::string(value);
  }
  value.remove_prefix(kEncodedStart.size());
  value.remove_suffix(kEncodedEnd.size());
  if (value.size() % 4 != 0) return std::nullopt;  // the padding is part of the form
  return base64_decode(value);
}

std::string encode_header_value(std::string_view value) {
  const bool plain =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c <= 0x7e; }) &&
      trim(value) == value && !value.starts_with(kEncodedStart);
  if (plain) return std::string(value);
  return std::string(kEncodedStart) + base64_encode(value) + std::string(kEncodedEnd);
}

}  // namespace satgate::dialect::mcp
