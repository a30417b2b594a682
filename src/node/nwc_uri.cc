#include "node/nwc_uri.h"

#include "base/text.h"
#include "node/answer.h"
#include "node/nostr.h"

namespace satgate::node {
namespace {

constexpr size_t kUriBytesMax = 4'096;
constexpr size_t kRelaysMax = 8;

std::optional<Hash256> key_of(std::string_view text) {
  const auto bytes = from_hex(text);
  return bytes ? hash_of_bytes(*bytes) : std::nullopt;
}

// A relay is named like a web server, but for its scheme.
Result<wire::Url> read_relay(std::string_view text) {
  constexpr std::string_view kTls = "wss://";
  constexpr std::string_view kPlain = "ws://";
  Result<wire::Url> url = fail("");
  if (text.starts_with(kTls)) {
    url = wire::parse_url("https://" + std::string(text.substr(kTls.size())));
  } else if (text.starts_with(kPlain)) {
    url = wire::parse_url("http://" + std::string(text.substr(kPlain.size())));
  }
  if (url) return url;
  return fail("a `relay` of it is no ws:// or wss:// URL without a query");
}

}  // namespace

Result<NwcConnection> read_nwc_uri(std::string_view text) {
  constexpr std::string_view kScheme = "nostr+walletconnect:";
  if (!text.starts_with(kScheme) || text.size() > kUriBytesMax) {
    return fail("is no nostr+walletconnect:// URI; the wallet shows it where apps are connected");
  }
  text.remove_prefix(kScheme.size());
  if (text.starts_with("//")) text.remove_prefix(2);
  const size_t mark = text.find('?');
  const auto wallet = key_of(text.substr(0, mark));
  if (!wallet) return fail("does not begin with the wallet's key in 64 hex digits");
  NwcConnection connection;
  connection.wallet = *wallet;
  std::optional<Hash256> secret;
  wire::QueryPairs pairs(mark == std::string_view::npos ? "" : text.substr(mark + 1));
  for (std::string_view name, value; pairs.next(name, value);) {
    if (name == "relay") {
      TRY_ASSIGN(wire::Url relay, read_relay(value));
      if (connection.relays.size() < kRelaysMax) connection.relays.push_back(std::move(relay));
    } else if (name == "secret") {
      if (secret) return fail("has two secrets");
      secret = key_of(value);
      if (!secret) return fail("has a `secret` that is not 64 hex digits");
    }
  }
  if (pairs.is_malformed()) return fail("has a bad %-escape");
  if (connection.relays.empty()) return fail("names no `relay`");
  if (!secret) return fail("has no `secret`");
  TRY_ASSIGN(const NostrKey key, NostrKey::of(*secret));
  TRY(key.shared_with(connection.wallet));
  connection.secret = *secret;
  return connection;
}

}  // namespace satgate::node
