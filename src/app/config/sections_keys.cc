// server.apiKeys: plain keys, by their hashes, and the tokens they act for.
#include <fmt/format.h>

#include <cstring>

#include "app/config/sections.h"
#include "base/text.h"

namespace satgate::app {
namespace {

constexpr std::string_view kHashPrefix = "sha256:";

std::optional<Hash256> parse_hash(std::string_view text) {
  const auto bytes = from_hex(text.substr(kHashPrefix.size()));
  Hash256 hash;
  if (!bytes || bytes->size() != hash.size()) return std::nullopt;
  std::memcpy(hash.data(), bytes->data(), hash.size());
  return hash;
}

std::optional<Hash256> read_key(YamlMap& map) {
  const std::optional<YAML::Node> written = map.node("key");
  const std::optional<std::string> value = map.secret("key");
  if (!value) {
    if (!written) map.complain("key", "is missing; write what 'satgate token key-hash' prints");
    return std::nullopt;
  }
  if (value->starts_with(kHashPrefix)) {
    const auto hash = parse_hash(*value);
    if (!hash) map.complain("key", "sha256: is followed by 64 hex digits");
    return hash;
  }
  const std::string& text = written->Scalar();
  if (!text.starts_with("${") && !text.starts_with("file:")) {
    map.complain("key",
                 "must not stand here in plain text; write its hash, which 'satgate token "
                 "key-hash' prints, or take it from ${VARIABLE} or file:PATH");
    return std::nullopt;
  }
  if (const auto good = flow::ApiKeys::check(*value); !good) {
    map.complain("key", good.error().message);
    return std::nullopt;
  }
  return flow::ApiKeys::hash(*value);
}

}  // namespace

void read_api_keys(YamlMap& server, flow::Settings& settings) {
  for (YamlMap& map : server.maps("apiKeys")) {
    const std::optional<Hash256> hash = read_key(map);
    const std::string token = map.token_name("token").value_or("");
    if (token.empty()) map.complain("token", "names the token that the key acts for");
    if (hash && !settings.api_keys.add(*hash, token)) {
      map.complain("key", "this key is written twice; keep one of them");
    }
    map.finish();
  }
}

}  // namespace satgate::app
