#include "token/keyring.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/ids.h"
#include "base/text.h"
#include "token/macaroon.h"

namespace satgate::token {
namespace {

constexpr std::string_view kHeader = "satgate-keys 1";
constexpr size_t kIdDigits = 12;

std::string key_id(const Hash256& secret) {
  return to_string(account_id("satgate-key-id", as_bytes_view(secret))).substr(0, kIdDigits);
}

// "active ID CREATED HEX"; the error leaves the key out.
Result<Key> parse_key(std::span<const std::string_view> words) {
  if (words.size() != 4) return fail("expected: active|verify, id, time, 64 hex digits");
  if (words[0] != "active" && words[0] != "verify") {
    return fail(fmt::format("'{}' is neither active nor verify", words[0]));
  }
  const std::optional<Time> created = parse_time(words[2]);
  if (!created) return fail(fmt::format("'{}' is not a time", words[2]));
  std::optional<std::string> raw = from_hex(words[3]);
  Hash256 secret{};
  if (!raw || raw->size() != secret.size()) return fail("the key is not 64 hex digits");
  std::memcpy(secret.data(), raw->data(), secret.size());
  explicit_bzero(raw->data(), raw->size());
  Key key(secret, *created);
  explicit_bzero(secret.data(), secret.size());
  if (key.id != words[1]) return fail(fmt::format("'{}' is not the id of this key", words[1]));
  return key;
}

}  // namespace

Key::Key(const Hash256& root, Time at)
    : id(key_id(root)),
      created(at),
      secret(root),
      derived(derive_macaroon_key(as_bytes_view(root))) {}

Key::~Key() {
  explicit_bzero(secret.data(), secret.size());
  explicit_bzero(derived.data(), derived.size());
}

Keyring::Keyring(const Hash256& secret, Time now) {
  keys_.emplace_back(secret, now);
}

Result<Keyring> Keyring::parse(std::string_view text) {
  Keyring ring;
  bool header = false, active = false;
  int number = 0;
  const auto at = [&](std::string_view what) {
    return fail(fmt::format("key file, line {}: {}", number, what));
  };
  for (std::string_view line : split(text, '\n')) {
    ++number;
    if (line.ends_with('\r')) line = trim(line.substr(0, line.size() - 1));
    if (line.empty() || line.starts_with('#')) continue;
    if (!header) {
      if (line != kHeader) return at(fmt::format("expected '{}'", kHeader));
      header = true;
      continue;
    }
    auto key = parse_key(split(line, ' '));
    if (!key) return at(key.error().message);
    if (ring.find(key->id) != nullptr) return at("this key stands in the file twice");
    if (ring.keys_.size() == keys_max) return at("too many keys");
    if (line.starts_with("active")) {
      if (active) return at("a second active key");
      active = true;
      ring.keys_.insert(ring.keys_.begin(), *std::move(key));
    } else {
      ring.keys_.push_back(*std::move(key));
    }
  }
  if (!active) return fail("key file: no active key");
  return ring;
}

std::string Keyring::print() const {
  std::string out = "# Whoever can read this file can make any token. Keep it at mode 0600.\n";
  out += kHeader;
  out += '\n';
  for (const Key& key : keys_) {
    out += fmt::format("{} {} {} {}\n", &key == &keys_.front() ? "active" : "verify", key.id,
                       format_rfc3339(key.created), to_hex(as_bytes_view(key.secret)));
  }
  return out;
}

const Key* Keyring::find(std::string_view id) const {
  const auto found = std::ranges::find(keys_, id, &Key::id);
  return found == keys_.end() ? nullptr : &*found;
}

Result<void> Keyring::rotate(const Hash256& secret, Time now) {
  if (keys_.size() == keys_max) return fail("the key ring is full; retire a key first");
  Key key(secret, now);
  if (find(key.id) != nullptr) return fail("this key is in the ring already");
  keys_.insert(keys_.begin(), std::move(key));
  return {};
}

Result<void> Keyring::retire(std::string_view id) {
  const auto found = std::ranges::find(keys_, id, &Key::id);
  if (found == keys_.end()) return fail(fmt::format("no key '{}'", id));
  if (found == keys_.begin()) return fail("the active key cannot be retired; rotate first");
  keys_.erase(found);
  return {};
}

}  // namespace satgate::token
