#include "node/make_node.h"

#include <fmt/format.h>

#include "base/text.h"
#include "node/checked_node.h"
#include "node/cln.h"
#include "node/electrum.h"
#include "node/lnbits.h"
#include "node/lnd.h"
#include "node/nwc.h"
#include "node/phoenixd.h"

namespace satgate::node {
namespace {

using Client = std::unique_ptr<RestClient>;
using Credential = std::pair<std::string, std::string>;
using Made = Result<std::unique_ptr<BackEnd>>;

std::unexpected<Error> wrong(std::string_view key, std::string_view what) {
  return fail(fmt::format("lightning.{}: {}", key, what));
}

std::string basic(std::string_view user_and_password) {
  return "Basic " + base64_encode(user_and_password);
}

// The header that proves who we are.
Result<Credential> credential_of(const NodeConfig& config) {
  const std::string& text = config.credential;
  if (text.empty()) return wrong("credential", "is missing: the node asks for one");
  if (config.provider == "lnd") {
    if (!from_hex(text)) {
      return wrong("credential", "is no macaroon in hex digits: xxd -ps -c 10000 invoice.macaroon");
    }
    return Credential("grpc-metadata-macaroon", text);
  }
  if (config.provider == "cln") return Credential("rune", text);
  if (config.provider == "phoenixd") return Credential("authorization", basic(":" + text));
  if (config.provider == "lnbits") return Credential("x-api-key", text);
  if (text.find(':') == std::string::npos) {
    return wrong("credential", "is not rpcuser:rpcpassword of Electrum's daemon");
  }
  return Credential("authorization", basic(text));
}

Result<Client> client_of(const NodeConfig& config, Waits& waits) {
  if (config.url.empty()) return wrong("url", "is missing: where the node listens");
  TRY_ASSIGN(const Credential credential, credential_of(config));
  RestOptions options;
  options.url = config.url;
  options.certificate_file = config.certificate_file;
  options.certificate_name = config.certificate_name;
  options.credential = credential;
  options.secrets = {config.credential};
  if (config.provider == "electrum") {
    options.secrets.push_back(config.credential.substr(config.credential.find(':') + 1));
  }
  auto client = RestClient::make(waits, std::move(options));
  if (client) return client;
  const std::string& why = client.error().message;
  const bool is_certificate =
      why.find("CA file") != std::string::npos || why.find("certificate") != std::string::npos;
  const bool is_credential = why.starts_with("the credential");
  return wrong(is_credential ? "credential" : is_certificate ? "certificate" : "url", why);
}

template <class Kind, class... More>
Made with_client(const NodeConfig& config, Waits& waits, const More&... more) {
  TRY_ASSIGN(Client client, client_of(config, waits));
  return std::make_unique<Kind>(std::move(client), more...);
}

Made nwc_of(const NodeConfig& config, Waits& waits, const Clock& clock) {
  if (!config.url.empty()) return wrong("url", "has no meaning for nwc: the credential names it");
  const auto connection = read_nwc_uri(config.credential);
  if (!connection) return wrong("credential", connection.error().message);
  RelayOptions options;
  options.certificate_file = config.certificate_file;
  options.certificate_name = config.certificate_name;
  auto made = Nwc::make(waits, clock, *connection, std::move(options));
  if (!made) return wrong("certificate", made.error().message);
  return made;
}

Made dev_of(const NodeConfig& config, Waits& waits, const Clock& clock) {
  if (config.network != payment::Network::regtest) {
    return wrong("network",
                 "the development wallet has regtest alone: write regtest, or name a "
                 "real node under lightning.provider");
  }
  auto wallet = DevWallet::open(waits, config.data_dir, clock);
  if (!wallet) return wrong("provider", wallet.error().message);
  return std::unique_ptr<BackEnd>(std::move(*wallet));
}

Made back_end_of(const NodeConfig& config, Waits& waits, const Clock& clock) {
  if (config.provider == "lnd") return with_client<Lnd>(config, waits);
  if (config.provider == "cln") return with_client<Cln>(config, waits);
  if (config.provider == "phoenixd")
    return with_client<Phoenixd>(config, waits, config.webhook_url);
  if (config.provider == "lnbits") return with_client<Lnbits>(config, waits, config.webhook_url);
  if (config.provider == "electrum") return with_client<Electrum>(config, waits);
  if (config.provider == "nwc") return nwc_of(config, waits, clock);
  if (config.provider == "dev") return dev_of(config, waits, clock);
  return wrong("provider",
               fmt::format("'{}' is none of lnd, cln, phoenixd, lnbits, electrum, nwc, dev",
                           config.provider));
}

}  // namespace

Result<std::unique_ptr<payment::LightningNode>> make_node(const NodeConfig& config,
                                                          const Clock& clock) {
  auto waits = std::make_unique<Waits>();
  TRY_ASSIGN(auto back_end, back_end_of(config, *waits, clock));
  CheckOptions options;
  options.network = config.network;
  options.poll_interval = config.poll_interval;
  return std::make_unique<CheckedNode>(options, clock, std::move(waits), std::move(back_end));
}

DevWallet* dev_wallet(payment::LightningNode& node) {
  auto* checked = dynamic_cast<CheckedNode*>(&node);
  return checked == nullptr ? nullptr : dynamic_cast<DevWallet*>(&checked->back_end());
}

}  // namespace satgate::node
