// lightning: the node that is paid. charge: how what is for sale is sold.
#include <fmt/format.h>

#include <algorithm>

#include "app/config/sections.h"
#include "base/text.h"
#include "node/nwc_uri.h"
#include "wire/url.h"

namespace satgate::app {
namespace {

constexpr int64_t kDay = 86'400;
// Nobody pays the development wallet, so any rate will do to try it out.
constexpr int64_t kDevSatsPerUsd = 1000;

void check_wallet(YamlMap& map, const flow::LightningSettings& lightning) {
  if (map.has("url"))
    map.complain("url", "has no meaning: the URI in `credential` names the relay");
  if (lightning.credential.empty()) {
    return map.complain("credential", "is missing: the wallet's nostr+walletconnect:// URI");
  }
  const auto connection = node::read_nwc_uri(lightning.credential);
  if (!connection) map.complain("credential", connection.error().message);
}

void read_where(YamlMap& map, flow::LightningSettings& lightning) {
  const bool is_dev = lightning.provider == "dev";
  lightning.url = map.text("url").value_or("");
  lightning.credential = map.secret("credential").value_or("");
  lightning.certificate_file = map.text("caFile").value_or("");
  lightning.certificate_name = map.text("serverName").value_or("");
  if (is_dev) {
    for (const char* key : {"url", "credential", "caFile", "serverName"}) {
      if (map.has(key)) map.complain(key, "has no meaning: `dev` is a wallet of this gateway");
    }
    return;
  }
  if (lightning.provider == "nwc") return check_wallet(map, lightning);
  if (lightning.url.empty()) return map.complain("url", "is missing: where the node answers");
  if (const auto url = wire::parse_url(lightning.url); !url) {
    map.complain("url", url.error().message);
  }
  if (lightning.credential.empty()) {
    map.complain("credential", "is missing: what the node knows this gateway by");
  }
}

void read_webhook(YamlMap& map, flow::LightningSettings& lightning) {
  std::optional<YamlMap> webhook = map.map("webhook");
  if (!webhook) return;
  const bool is_signed = lightning.provider == "phoenixd";
  if (!is_signed && lightning.provider != "lnbits") {
    map.complain("webhook", "has no meaning: only phoenixd and lnbits send one");
  }
  lightning.hears_webhooks = true;
  lightning.webhook_url = webhook->text("url").value_or("");
  lightning.webhook_secret = webhook->secret("secret").value_or("");
  webhook->finish();
  if (lightning.webhook_url.empty() && !is_signed) {
    webhook->complain("url", "is missing: where LNbits reaches this gateway");
  }
  if (!lightning.webhook_url.empty()) {
    const auto url = wire::parse_url(lightning.webhook_url);
    if (!url) webhook->complain("url", url.error().message);
  }
  if (is_signed && lightning.webhook_secret.empty()) {
    webhook->complain("secret", "is missing: the webhook-secret of phoenix.conf");
  }
  if (!is_signed && !lightning.webhook_secret.empty()) {
    webhook->complain("secret", "has no meaning: LNbits signs nothing");
  }
}

void read_network(YamlMap& map, flow::LightningSettings& lightning) {
  const bool is_dev = lightning.provider == "dev";
  lightning.network = is_dev ? payment::Network::regtest : payment::Network::mainnet;
  const std::optional<std::string> text = map.text("network");
  if (!text) return;
  const auto network = payment::parse_network(*text);
  if (!network) {
    return map.complain("network",
                        fmt::format("'{}' must be mainnet, testnet, signet or regtest", *text));
  }
  if (is_dev && *network != payment::Network::regtest) {
    return map.complain("network", "must be regtest: nobody can pay the wallet `dev`");
  }
  lightning.network = *network;
}

void read_node(YamlMap& root, Draft& draft) {
  std::optional<YamlMap> map = root.map("lightning");
  if (!map) return;
  flow::LightningSettings lightning;
  const auto provider = map->choice<std::string>("provider", {{"dev", "dev"},
                                                              {"lnd", "lnd"},
                                                              {"cln", "cln"},
                                                              {"phoenixd", "phoenixd"},
                                                              {"lnbits", "lnbits"},
                                                              {"electrum", "electrum"},
                                                              {"nwc", "nwc"}});
  if (provider) {
    lightning.provider = *provider;
    read_where(*map, lightning);
    read_network(*map, lightning);
    read_webhook(*map, lightning);
  } else if (!map->has("provider")) {
    map->complain("provider", "is missing: dev, lnd, cln, phoenixd, lnbits, electrum or nwc");
  }
  map->finish();
  Currency& currency = draft.policy.currency;
  const bool is_fetched = draft.settings.rate.has_value();
  if (!currency.nano_per_sat && lightning.provider == "dev" && !is_fetched) {
    currency.nano_per_sat = std::max<int64_t>(1, currency.nano_per_usd / kDevSatsPerUsd);
    draft.settings.currency = currency;
  }
  if (!currency.nano_per_sat && !is_fetched) {
    root.complain("lightning", "needs `currency.usdPerSat`: what one satoshi is worth");
  }
  draft.settings.charge.network = to_string(lightning.network);
  draft.settings.lightning = std::move(lightning);
}

void read_terms(YamlMap& root, Draft& draft) {
  std::optional<YamlMap> map = root.map("charge");
  if (!map) return;
  flow::ChargeSettings& charge = draft.settings.charge;
  if (auto calls = map->whole("calls", 1, 1'000'000)) charge.calls = static_cast<uint32_t>(*calls);
  charge.credit = map->amount("credit", draft.policy.currency).value_or(Money());
  if (auto seconds = map->seconds("expires")) charge.token_seconds = *seconds;
  if (auto seconds = map->seconds("invoiceExpires")) charge.invoice_seconds = *seconds;
  charge.realm = map->text("realm").value_or(charge.realm);
  if (charge.realm.empty() || charge.realm.size() > 128 ||
      charge.realm.find_first_of("\"\\|") != charge.realm.npos) {
    map->complain("realm", "must have 1 to 128 characters, and none of \" \\ |");
  }
  charge.only_if_signaled = map->choice<bool>("challenge", {{"always", false}, {"signaled", true}})
                                .value_or(charge.only_if_signaled);
  charge.charges_failures = map->choice<bool>("failedCalls", {{"free", false}, {"charge", true}})
                                .value_or(charge.charges_failures);
  if (auto pool = map->whole("pool", 0, 1000)) charge.pool = static_cast<size_t>(*pool);
  if (auto open = map->whole("openInvoicesPerClient", 1, 10'000)) {
    charge.open_of_one_client = static_cast<size_t>(*open);
  }
  if (auto open = map->whole("openInvoices", 1, 1'000'000)) {
    charge.open_max = static_cast<size_t>(*open);
  }
  if (charge.invoice_seconds < 60 || charge.invoice_seconds > kDay) {
    map->complain("invoiceExpires", "must be from a minute to a day");
  }
  if (charge.token_seconds <= charge.invoice_seconds || charge.token_seconds > 366 * kDay) {
    map->complain("expires",
                  "must be longer than `invoiceExpires`, and at most a year: who pays "
                  "in the last moment wants to use it");
  }
  map->finish();
}

}  // namespace

void read_lightning(YamlMap& root, Draft& draft) {
  read_node(root, draft);
  read_terms(root, draft);
}

void check_charge(const flow::Settings& settings, std::vector<std::string>& errors) {
  if (settings.lightning) return;
  const std::string remedy =
      "there is no `lightning`: name the node that is paid, such as `lightning: {provider: dev}` "
      "to try it";
  for (const flow::mcp::ServerConfig& server : settings.mcp_servers) {
    if (settings.mcp_mode(server.name) != Mode::charge) continue;
    errors.push_back(fmt::format("MCP server '{}' is in mode charge, but {}", server.name, remedy));
    return;
  }
  for (const flow::Route& route : settings.routes) {
    if (route.mode != Mode::charge) continue;
    errors.push_back(fmt::format("route '{}' is in mode charge, but {}", route.name, remedy));
    return;
  }
}

}  // namespace satgate::app
