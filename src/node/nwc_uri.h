// The connection string that a wallet gives to an app (NIP-47). It holds a secret: whoever has it
// may ask the wallet.
//   nostr+walletconnect://<wallet's key>?relay=wss://relay.example&secret=<key of the app>
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/result.h"
#include "wire/url.h"

namespace satgate::node {

struct NwcConnection {
  Hash256 wallet{};               // its public key
  Hash256 secret{};               // of ours
  std::vector<wire::Url> relays;  // one at least; `tls` for wss
};

// No error holds any of the text.
Result<NwcConnection> read_nwc_uri(std::string_view text);

}  // namespace satgate::node
