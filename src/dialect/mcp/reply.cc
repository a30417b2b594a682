#include "dialect/mcp/reply.h"

#include <fmt/format.h>

#include "base/json_out.h"
#include "base/time.h"
#include "dialect/denial.h"
#include "dialect/mcp/payment_required.h"

namespace satgate::dialect::mcp {
namespace {

// Lists depend on the token and on prices, so they are fresh for moments only.
constexpr int64_t kListTtlMs = 5'000;
constexpr int64_t kDiscoverTtlMs = 60'000;
// For what is added to a result, so that its text need not grow in steps.
constexpr size_t kMetaRoom = 256;

void write_capabilities(JsonOut& json, const Capabilities& has) {
  json.key("capabilities").object();
  if (has.tools) json.key("tools").object().key("listChanged").boolean(true).end();
  if (has.resources) {
    json.key("resources").object().key("subscribe").boolean(true);
    json.key("listChanged").boolean(true).end();
  }
  if (has.prompts) json.key("prompts").object().key("listChanged").boolean(true).end();
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

std::string price_json(const Listed& listed, const Currency& currency) {
  const std::string usd = format_usd(*listed.price, currency);
  std::string out;
  JsonOut json(out);
  json.object().key("cost").money(*listed.price).key("unit").string("credits");
  json.key("usd").string(std::string_view(usd).substr(0, usd.find(' ')));
  if (!listed.price_parts.empty()) {
    json.key("at_most").boolean(true).key("parts").raw(listed.price_parts);
  }
  if (const auto& sold = listed.sats) {
    json.key("sats").integer(sold->sats).key("calls").integer(sold->calls);
  }
  json.end();
  return out;
}

// The members of `_meta` that are ours. Neighbours in a list mostly have the same price and the
// same that is left, so the text of the last ones is kept.
class Figures {
 public:
  explicit Figures(const Currency& currency) : currency_(currency) {}

  const std::string& price(const Listed& listed) {
    const bool is_same = !price_text_.empty() && *listed.price == price_ &&
                         listed.price_parts == price_parts_ && listed.sats == sats_;
    if (is_same) return price_text_;
    price_ = *listed.price;
    sats_ = listed.sats;
    price_parts_ = listed.price_parts;
    price_text_ = fmt::format(R"("{}":{})", kMetaPrice, price_json(listed, currency_));
    return price_text_;
  }

  const std::string& budget(Money remaining) {
    if (!budget_text_.empty() && remaining == remaining_) return budget_text_;
    remaining_ = remaining;
    budget_text_ =
        fmt::format(R"("{}":{{"remaining":{}}})", kMetaBudget, format_credits(remaining));
    return budget_text_;
  }

 private:
  const Currency& currency_;
  Money price_, remaining_;
  std::optional<SatPrice> sats_;
  std::string price_parts_, price_text_, budget_text_;
};

void append_listed(std::string& out, const Listed& listed, Figures& figures) {
  const Item& tool = *listed.item;
  out += tool.before_name;
  append_json_string(out, listed.name);
  out += tool.after_name;
  std::string_view before = R"(,"_meta":{)";
  const auto add = [&](std::string_view members) {
    out.append(before).append(members);
    before = ",";
  };
  if (!tool.meta_members.empty()) add(tool.meta_members);
  if (listed.price) add(figures.price(listed));
  if (listed.remaining) add(figures.budget(*listed.remaining));
  if (before == ",") out += '}';
  out += '}';
}

// A long list that grows by doubling is copied a few times, into pages that are new each time.
void reserve_for(std::string& out, std::span<const Listed> items) {
  constexpr size_t of_figures = 160, of_end = 8;
  size_t size = out.size() + of_end;
  for (const Listed& listed : items) {
    const Item& item = *listed.item;
    size += item.before_name.size() + listed.name.size() + item.after_name.size() +
            item.meta_members.size() + of_figures;
  }
  out.reserve(size);
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
  out.reserve(kMetaRoom);
  JsonOut json(out);
  json.object().key("cost").money(charge.cost);
  if (charge.remaining) json.key("remaining").money(*charge.remaining);
  if (charge.cache_age_seconds) {
    json.key("cache").string("hit").key("age").integer(*charge.cache_age_seconds);
  }
  if (charge.withheld) json.key("withheld").boolean(true);
  json.key("request_id").string(to_string(charge.request)).end();
  return out;
}

// The members of an upstream's `_meta` without those the gateway alone writes.
Result<void> write_foreign_meta(JsonOut& json, std::string_view raw, bool has_receipt,
                                RawJson& reader) {
  if (!raw.starts_with('{')) return {};
  TRY_ASSIGN(const auto members, reader.members(raw));
  for (const RawMember& m : members) {
    const bool is_ours =
        m.key.starts_with("io.satgate/") || (has_receipt && m.key == kMetaPaymentReceipt);
    if (!is_ours) json.member(m.key).raw(m.value);
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

void append_list(std::string& out, std::string_view member, std::span<const Listed> items, Era era,
                 const Currency& currency, std::string_view next_cursor) {
  out += '{';
  if (era == Era::modern) {
    out += fmt::format(R"("resultType":"complete","ttlMs":{},"cacheScope":"private",)", kListTtlMs);
  }
  append_json_string(out, member);
  out += ":[";
  reserve_for(out, items);
  Figures figures(currency);
  bool first = true;
  for (const Listed& item : items) {
    if (!first) out += ',';
    first = false;
    append_listed(out, item, figures);
  }
  out += ']';
  if (!next_cursor.empty()) {
    out += R"(,"nextCursor":)";
    append_json_string(out, next_cursor);
  }
  out += '}';
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
  } else if (denial.refusal == Refusal::approval_required && !denial.approval_id.empty()) {
    text += " Until then it will be refused again.";
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
    case Refusal::answer_unknown:
    case Refusal::answer_denied:
    case Refusal::payment_unavailable:
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
                                   const std::optional<Charge>& charge, Era era, bool cacheable,
                                   RawJson& json) {
  TRY_ASSIGN(const auto members, json.members(result));
  out.reserve(out.size() + result.size() + kMetaRoom);
  std::string_view foreign;
  std::string_view type = "\"complete\"";
  std::string_view ttl = "0";
  JsonOut object(out);
  object.object();
  for (const RawMember& m : members) {
    if (m.key == "_meta") {
      foreign = m.value;  // the last one counts, as for most readers
    } else if (m.key == "resultType") {
      type = m.value;
    } else if (m.key == "ttlMs") {
      ttl = m.value;
    } else if (m.key != "cacheScope") {
      object.member(m.key).raw(m.value);
    }
  }
  if (era == Era::modern) {
    object.key("resultType").raw(type);
    if (cacheable) object.key("ttlMs").raw(ttl).key("cacheScope").string("private");
  }
  std::string meta;
  meta.reserve(foreign.size() + kMetaRoom);
  JsonOut meta_out(meta);
  meta_out.object();
  const bool has_receipt = charge && !charge->receipt.empty();
  TRY(write_foreign_meta(meta_out, foreign, has_receipt, json));
  if (charge) meta_out.key(kMetaCharge).raw(charge_json(*charge));
  if (has_receipt) meta_out.key(kMetaPaymentReceipt).raw(charge->receipt);
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
