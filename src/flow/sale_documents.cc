#include "flow/sale_documents.h"

#include <fmt/format.h>

#include <array>
#include <map>

#include "base/crypto.h"
#include "base/json_out.h"
#include "flow/for_sale.h"

namespace satgate::flow {
namespace {

constexpr std::string_view kManifest = "/.well-known/l402.json";
constexpr std::string_view kOpenapi = "/.well-known/openapi.json";
constexpr std::string_view kVersion = "1.0";  // of the discovery text
constexpr int64_t kMsatPerSat = 1000;

// How holders may narrow what they have bought, by the words of the discovery text.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kCaveats = {{
    {"endpoints", "subset"},
    {"methods", "subset"},
    {"tools", "subset"},
    {"models", "subset"},
    {"expires", "earlier"},
    {"budget_max", "decreasing"},
    {"call_max", "decreasing"},
    {"rate_limit", "decreasing"},
}};

void write_caveats(JsonOut& out) {
  out.object();
  for (const auto& [name, attenuation] : kCaveats) {
    out.member(name).object().key("type").string("string");
    out.key("attenuation").string(attenuation).end();
  }
  out.end();
}

void write_provider(JsonOut& out, const Settings& settings) {
  out.object().key("name").string("SatGate");
  if (!settings.public_url.empty()) out.key("uri").string(settings.public_url);
  out.end();
}

// What the 402 will ask for.
void write_pricing(JsonOut& out, const ForSale& one) {
  out.object().key("model").string(one.by_usage ? "dynamic" : "fixed");
  if (one.terms) {
    out.key("price_msat").integer(one.terms->sats * kMsatPerSat);
    out.key("price_sats").integer(one.terms->sats);
    out.key("credits").money(one.terms->credit);
  }
  if (!one.by_usage) {
    out.key("credits_per_call").money(one.cost);
  } else if (!one.cost.is_zero()) {
    out.key("credits_per_call_at_most").money(one.cost);
  }
  out.end();
}

void write_buys(JsonOut& out, const ForSale& one, const ChargeSettings& charge) {
  out.object();
  if (one.by_usage) {
    out.key("credits_at_least").money(charge.credit);
  } else {
    out.key("calls").integer(charge.calls);
  }
  out.key("expires_seconds").integer(charge.token_seconds).end();
}

void write_where(JsonOut& out, const ForSale& one) {
  out.key("path").string(one.path).key("method").string(one.method);
  if (!one.tool.empty()) out.key("tool").string(one.tool);
}

void write_services(JsonOut& out, const Settings& settings, const std::vector<ForSale>& all) {
  std::map<std::string_view, std::vector<const ForSale*>> services;
  for (const ForSale& one : all) {
    if (!one.is_free()) services[one.service].push_back(&one);
  }
  out.array();
  for (const auto& [name, resources] : services) {
    out.object().key("name").string(name).key("tiers").array().object();
    out.key("tier").integer(0).key("name").string("base").end().end_array();
    out.key("capabilities").array().end_array().key("resources").array();
    for (const ForSale* one : resources) {
      write_where(out.object(), *one);
      write_pricing(out.key("pricing"), *one);
      write_buys(out.key("buys"), *one, settings.charge);
      out.key("constraints").object().end().end();
    }
    out.end_array().end();
  }
  out.end_array();
}

std::string manifest_of(const Settings& settings, const std::vector<ForSale>& all,
                        std::optional<int64_t> nano_per_sat) {
  const ChargeSettings& charge = settings.charge;
  std::string text;
  JsonOut out(text);
  out.object().key("version").string(kVersion);
  write_provider(out.key("provider"), settings);
  out.key("currencies").array().string("msat").end_array();
  out.key("macaroon_versions").array().integer(0).end_array();
  out.key("payment_methods").array().string("bolt11").end_array();
  out.key("schemes").array().string("L402").string("LSAT");
  if (charge.calls == 1) out.string("Payment");
  out.end_array().key("network").string(charge.network);
  out.key("openapi").string(kOpenapi).key("prices").string("/.well-known/satgate");
  out.key("available").boolean(nano_per_sat.has_value());
  if (nano_per_sat) out.key("credits_per_sat").money(Money::nano(*nano_per_sat));
  out.key("invoice_expires_seconds").integer(charge.invoice_seconds);
  write_services(out.key("services"), settings, all);
  out.key("free").array();
  for (const ForSale& one : all) {
    if (!one.is_free()) continue;
    write_where(out.object(), one);
    out.end();
  }
  write_caveats(out.end_array().key("caveats"));
  out.end();
  return text;
}

// Each star of a pattern is a parameter of the template.
struct PathTemplate {
  std::string text;
  std::vector<std::string> parameters;
};

PathTemplate template_of(std::string_view pattern) {
  PathTemplate out;
  if (pattern.starts_with('*')) out.text = "/";
  for (const char c : pattern) {
    if (c != '*') {
      out.text += c;
      continue;
    }
    const size_t number = out.parameters.size() + 1;
    out.parameters.push_back(number == 1 ? "path" : fmt::format("path{}", number));
    out.text += "{" + out.parameters.back() + "}";
  }
  return out;
}

void write_responses(JsonOut& out, const ForSale& one) {
  out.object().key("200").object().key("description").string("The answer of the API.").end();
  if (!one.is_free()) {
    out.key("402").object().key("description").string("Payment required: pay, and ask again.");
    out.key("headers").object().key("WWW-Authenticate").object().key("schema").object();
    out.key("type").string("string").end().end().end().end();
  }
  out.end();
}

void write_operation(JsonOut& out, const ForSale& one, const PathTemplate& path) {
  out.object().key("summary").string(one.path);
  if (!path.parameters.empty()) {
    out.key("parameters").array();
    for (const std::string& name : path.parameters) {
      out.object().key("name").string(name).key("in").string("path").key("required").boolean(true);
      out.key("schema").object().key("type").string("string").end().end();
    }
    out.end_array();
  }
  if (!one.is_free()) {
    out.key("x-l402-service").string(one.service);
    write_pricing(out.key("x-l402-pricing"), one);
  }
  // The Payment scheme sells what is good once.
  if (one.terms && one.terms->calls == 1) {
    out.key("x-payment-info").object().key("method").string("lightning");
    out.key("intent").string("charge").key("currency").string("sat");
    out.key("amount").string(fmt::format("{}", one.terms->sats)).end();
  }
  write_responses(out.key("responses"), one);
  out.end();
}

// Methods of OpenAPI: a route for any of them is shown for the two that APIs mostly have.
std::vector<std::string> methods_of(const ForSale& one) {
  if (one.method == "*") return {"get", "post"};
  return {lowercase(one.method)};
}

std::string openapi_of(const Settings& settings, const std::vector<ForSale>& all) {
  std::map<std::string, std::map<std::string, const ForSale*>> paths;
  for (const ForSale& one : all) {
    if (!one.tool.empty()) continue;  // tools/list says it, with what a tool takes
    for (const std::string& method : methods_of(one))
      paths[std::string(one.path)].emplace(method, &one);
  }
  std::string text;
  JsonOut out(text);
  out.object().key("openapi").string("3.1.0").key("info").object();
  out.key("title").string("SatGate").key("version").string(SATGATE_VERSION).end();
  out.key("x-l402-version").string(kVersion);
  write_provider(out.key("x-l402-provider"), settings);
  write_caveats(out.key("x-l402-caveats"));
  out.key("paths").object();
  for (const auto& [pattern, methods] : paths) {
    const PathTemplate path = template_of(pattern);
    out.member(path.text).object();
    for (const auto& [method, one] : methods)
      write_operation(out.member(method), *one, path);
    out.end();
  }
  out.end().end();
  return text;
}

std::shared_ptr<const SaleDocument> document_of(std::string text) {
  auto made = std::make_shared<SaleDocument>();
  made->etag = fmt::format("\"{}\"", to_hex(as_bytes_view(sha256(text))).substr(0, 32));
  made->text = std::move(text);
  return made;
}

}  // namespace

std::shared_ptr<const SaleDocument> SaleDocuments::find(std::string_view path) {
  if (path != kManifest && path != kOpenapi) return nullptr;
  renew();
  return path == kManifest ? manifest_ : openapi_;
}

void SaleDocuments::renew() {
  const Snapshot now = gateway_.snapshot();
  const auto catalogue = now.hub ? now.hub->catalogue() : nullptr;
  const auto rate = gateway_.nano_per_sat(*now.settings, gateway_.clock.now());
  const bool is_same =
      manifest_ && settings_ == now.settings && catalogue_ == catalogue && nano_per_sat_ == rate;
  if (is_same) return;
  settings_ = now.settings;
  catalogue_ = catalogue;
  nano_per_sat_ = rate;
  std::vector<ForSale> all;
  if (gateway_.paywall) all = list_for_sale(*settings_, catalogue_.get(), nano_per_sat_);
  manifest_ = document_of(manifest_of(*settings_, all, nano_per_sat_));
  openapi_ = document_of(openapi_of(*settings_, all));
}

}  // namespace satgate::flow
