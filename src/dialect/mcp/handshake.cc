#include "dialect/mcp/handshake.h"

#include <algorithm>
#include <iterator>

#include "base/json_out.h"
#include "base/limits.h"
#include "base/text.h"
#include "dialect/mcp/asking.h"

namespace satgate::dialect::mcp {
namespace {

constexpr size_t kVersionsMax = 64;
constexpr size_t kInfoBytesMax = 300;
constexpr size_t kCapabilitiesMax = 256;
constexpr std::string_view kLogLevels[] = {"debug", "info",     "notice", "warning",
                                           "error", "critical", "alert",  "emergency"};

std::string_view member_of(const std::vector<RawMember>& members, std::string_view key) {
  for (const RawMember& m : members) {
    if (m.key == key) return m.value;
  }
  return {};
}

std::string_view text_of(std::string_view raw, RawJson& json) {
  if (!raw.starts_with('"')) return {};
  return json.unescape(raw).value_or(std::string_view());
}

Result<void> read_offers(std::string_view raw, ServerHello& hello, RawJson& json) {
  hello.offers.tools = false;
  if (!raw.starts_with('{')) return {};
  TRY_ASSIGN(const auto abilities, json.members(raw, kCapabilitiesMax));
  for (const RawMember& m : abilities) {
    hello.offers.tools = hello.offers.tools || m.key == "tools";
    hello.offers.prompts = hello.offers.prompts || m.key == "prompts";
    hello.offers.completions = hello.offers.completions || m.key == "completions";
    hello.offers.logging = hello.offers.logging || m.key == "logging";
    if (m.key != "resources") continue;
    hello.offers.resources = true;
    if (!m.value.starts_with('{')) continue;
    TRY_ASSIGN(const auto details, json.members(m.value));
    hello.resource_updates = member_of(details, "subscribe") == "true";
  }
  return {};
}

std::string read_info(std::string_view raw, RawJson& json) {
  if (!raw.starts_with('{')) return {};
  const auto fields = json.members(raw);
  if (!fields) return {};
  std::string info(text_of(member_of(*fields, "name"), json));
  info.append(" ").append(text_of(member_of(*fields, "version"), json));
  return info.substr(0, kInfoBytesMax);
}

bool lists_version(std::string_view versions, std::string_view wanted, RawJson& json) {
  if (!versions.starts_with('[')) return false;
  const auto elements = json.elements(versions, kVersionsMax);
  return elements && std::ranges::any_of(*elements, [&](std::string_view raw) {
           return text_of(raw, json) == wanted;
         });
}

}  // namespace

void append_initialize_params(std::string& out, std::string_view capabilities,
                              std::string_view gateway_version) {
  JsonOut json(out);
  json.object().key("protocolVersion").string(kLatestLegacy);
  json.key("capabilities").raw(capabilities.empty() ? "{}" : capabilities);
  json.key("clientInfo").object().key("name").string("satgate");
  json.key("version").string(gateway_version).end().end();
}

Result<ServerHello> read_initialize_result(std::string_view result, RawJson& json) {
  TRY_ASSIGN(const auto members, json.members(result));
  ServerHello hello;
  hello.version = text_of(member_of(members, "protocolVersion"), json);
  if (!is_legacy_version(hello.version)) {
    return fail("it speaks no version of MCP that we know");
  }
  TRY(read_offers(member_of(members, "capabilities"), hello, json));
  hello.info = read_info(member_of(members, "serverInfo"), json);
  return hello;
}

void append_modern_meta(std::string& out, std::string_view capabilities,
                        std::string_view gateway_version, std::string_view log_level) {
  std::string object;
  JsonOut json(object);
  json.object().member(kMetaProtocolVersion).string(kModernVersion);
  json.member(kMetaClientInfo).object().key("name").string("satgate");
  json.key("version").string(gateway_version).end();
  json.member(kMetaClientCapabilities).raw(capabilities.empty() ? "{}" : capabilities);
  if (!log_level.empty()) json.member(kMetaLogLevel).string(log_level);
  json.end();
  out += std::string_view(object).substr(1, object.size() - 2);
}

Result<ServerHello> read_discover_result(std::string_view result, RawJson& json) {
  TRY_ASSIGN(const auto members, json.members(result));
  if (!lists_version(member_of(members, "supportedVersions"), kModernVersion, json)) {
    return fail("it speaks no version of MCP that we know");
  }
  ServerHello hello;
  hello.version = kModernVersion;
  TRY(read_offers(member_of(members, "capabilities"), hello, json));
  hello.resource_updates = hello.offers.resources;
  std::string_view info = member_of(members, "serverInfo");
  if (const auto meta = member_of(members, "_meta"); meta.starts_with('{')) {
    TRY_ASSIGN(const auto fields, json.members(meta));
    if (const auto named = member_of(fields, kMetaServerInfo); !named.empty()) info = named;
  }
  hello.info = read_info(info, json);
  return hello;
}

int64_t read_error_code(std::string_view error, RawJson& json) {
  const auto members = json.members(error);
  if (!members) return 0;
  std::string_view code = member_of(*members, "code");
  const bool negative = code.starts_with('-');
  if (negative) code.remove_prefix(1);
  const auto magnitude = parse_uint(code).value_or(0);
  if (magnitude > 1'000'000'000) return 0;
  const auto value = static_cast<int64_t>(magnitude);
  return negative ? -value : value;
}

EraHint read_era_hint(std::string_view error, RawJson& json) {
  const int64_t code = read_error_code(error, json);
  if (code == kHeaderMismatch || code == kMissingCapability) return EraHint::modern;
  if (code != kUnsupportedVersion) return EraHint::legacy;
  const auto members = json.members(error);
  const std::string_view data = members ? member_of(*members, "data") : std::string_view();
  if (!data.starts_with('{')) return EraHint::unknown_version;
  const auto fields = json.members(data);
  const std::string_view supported = fields ? member_of(*fields, "supported") : std::string_view();
  if (lists_version(supported, kModernVersion, json)) return EraHint::again;
  for (const std::string_view version : kLegacyVersions) {
    if (lists_version(supported, version, json)) return EraHint::legacy;
  }
  return EraHint::unknown_version;
}

Result<std::optional<InputRequired>> read_input_required(std::string_view result, RawJson& json) {
  if (result.find("input_required") == result.npos) return std::nullopt;
  TRY_ASSIGN(const auto members, json.members(result));
  if (text_of(member_of(members, "resultType"), json) != "input_required") return std::nullopt;
  InputRequired required;
  required.request_state = member_of(members, "requestState");
  if (required.request_state == "null") required.request_state = {};
  if (!required.request_state.empty() && !required.request_state.starts_with('"')) {
    return fail("requestState is no string");
  }
  const std::string_view requests = member_of(members, "inputRequests");
  if (requests.empty() || requests == "null") return required;
  TRY_ASSIGN(const auto asked, json.members(requests, limits::mcp_asks_max));
  for (const RawMember& m : asked) {
    TRY_ASSIGN(const auto request, json.members(m.value));
    const std::string_view method = text_of(member_of(request, "method"), json);
    std::string_view params = member_of(request, "params");
    if (params == "null") params = {};
    if (asked_capability(method).empty()) return fail("inputRequests asks for something unknown");
    if (!params.empty() && !params.starts_with('{')) return fail("params is no object");
    required.requests.push_back({m.key, method, params});
  }
  return required;
}

std::string_view asked_capability(std::string_view method) {
  if (method == "sampling/createMessage") return "sampling";
  if (method == "elicitation/create") return "elicitation";
  if (method == "roots/list") return "roots";
  return {};
}

bool can_be_asked(std::string_view capabilities, std::string_view method, std::string_view params,
                  RawJson& json) {
  const std::string_view needed = asked_capability(method);
  if (needed.empty() || !capabilities.starts_with('{')) return false;
  const auto members = json.members(capabilities, kCapabilitiesMax);
  const std::string_view ability = members ? member_of(*members, needed) : std::string_view();
  if (!ability.starts_with('{')) return false;
  if (method != "elicitation/create") return true;
  const auto modes = json.members(ability);
  if (!modes) return false;
  const bool has_url = member_of(*modes, "url").starts_with('{');
  if (is_url_elicitation(params, json)) return has_url;
  return !has_url || member_of(*modes, "form").starts_with('{');
}

std::optional<int> log_rank(std::string_view level) {
  const auto found = std::find(std::begin(kLogLevels), std::end(kLogLevels), level);
  if (found == std::end(kLogLevels)) return std::nullopt;
  return static_cast<int>(found - std::begin(kLogLevels));
}

}  // namespace satgate::dialect::mcp
