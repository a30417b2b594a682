#include "dialect/mcp/reply.h"

#include <fmt/format.h>

#include "base/json_out.h"
#include "base/time.h"
#include "dialect/denial.h"

namespace satgate::dialect::mcp {
namespace {

// Lists depend on the token and on prices, so they are fresh for moments only.
constexpr int64_t kListTtlMs = 5'000;
constexpr int64_t kDiscoverTtlMs = 60'000;

void write_capabilities(JsonOut& json, const Capabilities& has) {
  json.key("capabilities").object();
  if (has.tools) {
    json.key("tools").object();
    if (has.tools_list_changed) json.key("listChanged").boolean(true);
    json.end();
  }
  if (has.resources) json.key("resources").object().end();
  if (has.prompts) json.key("prompts").object().end();
  if (has.completions) json.key("completions").object().end();
  if (has.logging) json.key("logging").object().end();
  json.end();
}

void write_identity(JsonOut& json, const ServerIdentity& identity) {
  json.object().key("name").string(identity.name).key("version").string(identity.version).end();
}

void write_freshness(JsonOut& json, int64_t ttl_ms, std::string_view scope) {
  json.key("ttlMs").integer(ttl_ms).key("cacheScope").string(scope);
}

std::string price_json(Money price, const Currency& currency) {
  const std::string usd = format_usd(price, currency);
  std::string out;
  JsonOut json(out);
  json.object().key("cost").money(price).key("unit").string("credits");
  json.key("usd").string(std::string_view(usd).substr(0, usd.find(' '))).end();
  return out;
}

void append_listed_tool(std::string& out, const ListedTool& listed, const Currency& currency) {
  const Tool& tool = listed.entry->tool;
  out += tool.before_name;
  append_json_string(out, listed.entry->listed_name);
  out += tool.after_name;
  if (listed.price || !tool.meta_members.empty()) {
    out.append(R"(,"_meta":{)").append(tool.meta_members);
    if (listed.price) {
      if (!tool.meta_members.empty()) out += ',';
      append_json_string(out, kMetaPrice);
      out.append(":").append(price_json(*listed.price, currency));
    }
    out += '}';
  }
  out += '}';
}

std::string credits(Money amount) {
  return format_credits(amount) + (amount == Money::credits(1) ? " credit" : " credits");
}

std::string_view kind_word(Alternative::Kind kind) {
  switch (kind) {
    case Alternative::Kind::model:
      return "model";
    case Alternative::Kind::tool:
      return "tool";
    case Alternative::Kind::endpoint:
      return "endpoint";
  }
  return "";
}

void write_denial_object(JsonOut& json, const Denial& denial, const RequestId& request) {
  json.object().key("error").string(code(denial.refusal)).key("message").string(denial.message);
  append_denial_members(json, denial, request);
  json.end();
}

void append_denial_result(std::string& out, const Denial& denial, const RequestId& request,
                          Era era) {
  JsonOut json(out);
  json.object();
  if (era == Era::modern) json.key("resultType").string("complete");
  json.key("content").array().object();
  json.key("type").string("text").key("text").string(denial_text(denial)).end().end_array();
  json.key("isError").boolean(true);
  json.key("_meta").object().key(kMetaDenial);
  write_denial_object(json, denial, request);
  json.end().end();
}

std::string charge_json(const Charge& charge) {
  std::string out;
  JsonOut json(out);
  json.object().key("cost").money(charge.cost);
  if (charge.remaining) json.key("remaining").money(*charge.remaining);
  json.key("request_id").string(to_string(charge.request)).end();
  return out;
}

// The members of an upstream's `_meta` without those the gateway alone writes.
Result<void> write_foreign_meta(JsonOut& json, std::string_view raw, RawJson& reader) {
  if (!raw.starts_with('{')) return {};
  TRY_ASSIGN(const auto members, reader.members(raw));
  for (const RawMember& m : members) {
    if (!m.key.starts_with("io.satgate/")) json.member(m.key).raw(m.value);
  }
  return {};
}

}  // namespace

void append_initialize_result(std::string& out, std::string_view version,
                              const Capabilities& capabilities, const ServerIdentity& identity) {
  JsonOut json(out);
  json.object().key("protocolVersion").string(version);
  write_capabilities(json, capabilities);
  write_identity(json.key("serverInfo"), identity);
  if (!identity.instructions.empty()) json.key("instructions").string(identity.instructions);
  json.end();
}

void append_discover_result(std::string& out, const Capabilities& capabilities,
                            const ServerIdentity& identity) {
  JsonOut json(out);
  json.object().key("resultType").string("complete");
  json.key("supportedVersions").array().string(kModernVersion);
  for (const std::string_view version : kLegacyVersions)
    json.string(version);
  json.end_array();
  write_capabilities(json, capabilities);
  if (!identity.instructions.empty()) json.key("instructions").string(identity.instructions);
  write_freshness(json, kDiscoverTtlMs, "public");
  json.key("_meta").object();
  write_identity(json.key(kMetaServerInfo), identity);
  json.end().end();
}

void append_empty_result(std::string& out, Era era) {
  out += era == Era::modern ? R"({"resultType":"complete"})" : "{}";
}

void append_tools_list(std::string& out, std::span<const ListedTool> tools, Era era,
                       const Currency& currency) {
  out += '{';
  if (era == Era::modern) {
    out += fmt::format(R"("resultType":"complete","ttlMs":{},"cacheScope":"private",)", kListTtlMs);
  }
  out += R"("tools":[)";
  bool first = true;
  for (const ListedTool& tool : tools) {
    if (!first) out += ',';
    first = false;
    append_listed_tool(out, tool, currency);
  }
  out += "]}";
}

void append_empty_list(std::string& out, std::string_view member, Era era) {
  JsonOut json(out);
  json.object();
  if (era == Era::modern) {
    json.key("resultType").string("complete");
    write_freshness(json, kListTtlMs, "private");
  }
  json.member(member).array().end_array().end();
}

std::optional<DenialStyle> parse_denial_style(std::string_view text) {
  if (text == "result") return DenialStyle::result;
  if (text == "jsonrpc") return DenialStyle::jsonrpc;
  if (text == "http") return DenialStyle::http;
  return std::nullopt;
}

std::string denial_text(const Denial& denial) {
  std::string text = denial.message;
  if (!text.empty() && text.back() != '.') text += '.';
  if (denial.remaining) text += " Remaining: " + credits(max(*denial.remaining, Money())) + ".";
  if (denial.required) text += " Needed for this call: " + credits(*denial.required) + ".";
  if (denial.resets_at) text += " Resets at " + format_rfc3339(*denial.resets_at) + ".";
  if (const auto& other = denial.cheapest_alternative) {
    text += fmt::format(" Cheaper alternative: {} {} ({}).", kind_word(other->kind), other->name,
                        credits(other->cost));
  }
  if (denial.retry_after_seconds) {
    text += fmt::format(" Wait {} seconds before you try again.", *denial.retry_after_seconds);
  } else if (denial.resets_at) {
    text += " Until then the same call will be refused again.";
  } else {
    text += " Do not repeat this call: it will be refused again.";
  }
  return text;
}

int denial_error_code(Refusal refusal) {
  switch (refusal) {
    case Refusal::rate_limited:
    case Refusal::loop_detected:
      return kRateDenied;
    case Refusal::request_exceeds_budget:
    case Refusal::budget_exhausted:
    case Refusal::budget_exceeded:
    case Refusal::budget_in_flight:
    case Refusal::payment_required:
      return kBudgetDenied;
    case Refusal::price_unknown:
    case Refusal::ledger_unavailable:
      return kInternalError;
    case Refusal::token_missing:
    case Refusal::token_malformed:
    case Refusal::token_invalid:
    case Refusal::token_revoked:
    case Refusal::token_expired:
    case Refusal::audience_denied:
    case Refusal::depth_exceeded:
    case Refusal::endpoint_denied:
    case Refusal::tool_denied:
    case Refusal::model_denied:
    case Refusal::approval_required:
    case Refusal::approval_denied:
    case Refusal::account_blocked:
      return kPolicyDenied;
  }
  return kPolicyDenied;
}

void append_denial(std::string& out, std::string_view id, const Denial& denial,
                   const RequestId& request, DenialStyle style, Era era) {
  std::string body;
  if (style == DenialStyle::result) {
    append_denial_result(body, denial, request, era);
    append_result(out, id, body);
    return;
  }
  JsonOut json(body);
  write_denial_object(json, denial, request);
  append_error(out, id,
               RpcError{.code = denial_error_code(denial.refusal),
                        .message = denial.message,
                        .data = std::move(body)});
}

Result<void> append_charged_result(std::string& out, std::string_view result,
                                   const std::optional<Charge>& charge, Era era, RawJson& json) {
  TRY_ASSIGN(const auto members, json.members(result));
  std::string_view foreign;
  bool has_type = false;
  JsonOut object(out);
  object.object();
  for (const RawMember& m : members) {
    if (m.key == "_meta") {
      foreign = m.value;  // the last one counts, as for most readers
      continue;
    }
    has_type = has_type || m.key == "resultType";
    object.member(m.key).raw(m.value);
  }
  if (era == Era::modern && !has_type) object.key("resultType").string("complete");
  std::string meta;
  JsonOut meta_out(meta);
  meta_out.object();
  TRY(write_foreign_meta(meta_out, foreign, json));
  if (charge) meta_out.key(kMetaCharge).raw(charge_json(*charge));
  meta_out.end();
  if (meta != "{}") object.key("_meta").raw(meta);
  object.end();
  return {};
}

bool is_error_result(std::string_view result, RawJson& json) {
  const auto members = json.members(result);
  if (!members) return false;
  for (const RawMember& m : *members) {
    if (m.key == "isError") return m.value == "true";
  }
  return false;
}

}  // namespace satgate::dialect::mcp
