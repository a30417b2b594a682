// From the `lightning` block of the config to a node.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "net/task.h"
#include "node/dev_wallet.h"
#include "payment/bolt11.h"
#include "payment/lightning_node.h"

namespace satgate::node {

struct NodeConfig {
  std::string provider;  // lnd, cln, phoenixd, lnbits, electrum, nwc, dev
  std::string url;       // all but nwc and dev
  // lnd: the macaroon in hex digits; cln: the rune; phoenixd: http-password; lnbits: the wallet's
  // key; electrum: rpcuser:rpcpassword; nwc: the wallet's nostr+walletconnect:// URI.
  std::string credential;
  std::string certificate_file;  // PEM: the node's own certificate (LND's tls.cert), or its CA
  std::string certificate_name;  // that it is for, where that is not the host of the URL
  payment::Network network = payment::Network::mainnet;
  std::string webhook_url;         // phoenixd, lnbits: that each invoice names; may be empty
  std::filesystem::path data_dir;  // dev
  net::Milliseconds poll_interval{30'000};  // between two looks at open invoices
};

// Nothing is sent before it is asked. Errors name the key of the config and the remedy. `clock`
// lives longer than the node.
Result<std::unique_ptr<payment::LightningNode>> make_node(const NodeConfig& config,
                                                          const Clock& clock);

// The wallet behind a node of the provider `dev`, as long as the node lives; null for others.
DevWallet* dev_wallet(payment::LightningNode& node);

}  // namespace satgate::node
