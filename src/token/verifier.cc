#include "token/verifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <functional>

#include "token/caveat.h"
#include "token/macaroon.h"
#include "token/mint.h"
#include "token/paid.h"

namespace satgate::token {
namespace {

AccountId point_of(const Hash256& signature) {
  return account_id("satgate-lineage", as_bytes_view(signature));
}

bool opens_account(const Caveat& caveat) {
  switch (caveat.key) {
    case CaveatKey::budget_max:
    case CaveatKey::budget_hourly:
    case CaveatKey::budget_daily:
    case CaveatKey::budget_monthly:
    case CaveatKey::rate_limit:
      return true;
    default:
      return false;
  }
}

LineageAccount account_of(const Caveat& caveat, const AccountId& point, std::string_view holder) {
  LineageAccount out;
  out.account = account_id("lineage", point.view());
  out.is_rate = caveat.key == CaveatKey::rate_limit;
  out.limits[caveat.window] = out.is_rate ? Money::credits(caveat.count) : caveat.amount;
  out.label = out.is_rate
                  ? fmt::format("rate_limit {}/{}", caveat.count, to_string(caveat.window))
                  : fmt::format("{} {}", to_string(caveat.key), format_credits(caveat.amount));
  if (!holder.empty()) out.label += fmt::format(" of {}", holder);
  return out;
}

// Whether every max_depth is kept by the caveats that follow it.
bool depth_holds(std::span<const Caveat> caveats) {
  bool holds = true;
  uint32_t holders = 0, budgets = 0;
  for (size_t i = caveats.size(); i-- > 0;) {
    const Caveat& caveat = caveats[i];
    if (caveat.key == CaveatKey::holder) ++holders;
    if (caveat.key == CaveatKey::budget_max) ++budgets;
    if (caveat.key == CaveatKey::max_depth) {
      holds = holds && std::max(holders, budgets) <= caveat.count;
    }
  }
  return holds;
}

size_t bytes_of(std::string_view credential, const TokenChain& chain) {
  size_t bytes = sizeof chain + credential.size() + chain.points.size() * sizeof(AccountId) +
                 chain.accounts.size() * sizeof(LineageAccount) + chain.holders.size() * 32;
  for (const Caveat& caveat : chain.caveats)
    bytes += sizeof caveat + 2 * caveat.text.size() + caveat.items.size() * sizeof(std::string);
  return bytes;
}

// What an identifier says about a token, before anything is proven.
bool take_identity(std::string_view identifier, TokenChain& chain) {
  if (const std::optional<Identity> minted = parse_identity(identifier)) {
    chain.token = minted->token;
    chain.key_id = minted->key_id;
    return true;
  }
  const std::optional<PaidIdentity> paid = parse_paid_identity(identifier);
  if (!paid) return false;
  chain.token = paid_token_id(paid->sale.payment_hash);
  chain.key_id = paid->key_id;
  chain.sale = paid->sale;
  chain.sold_caveats = paid->caveats;
  return true;
}

std::unexpected<Refusal> refuse(Refusal refusal, std::string reason, std::string& why) {
  why = std::move(reason);
  return std::unexpected(refusal);
}

}  // namespace

Verifier::Verifier(std::shared_ptr<const Keyring> keyring, const Currency& currency,
                   size_t cache_entries)
    : keyring_(std::move(keyring)),
      currency_(currency),
      entries_(std::bit_ceil(std::max(cache_entries, ways))) {}

void Verifier::set_keyring(std::shared_ptr<const Keyring> keyring) {
  keyring_ = std::move(keyring);
  std::ranges::fill(entries_, Entry{});
}

// A token ends in its signature, so the last bytes tell tokens apart as well as all of them would.
uint64_t Verifier::hash_of(std::string_view credential) const {
  constexpr size_t tail = 32;
  if (credential.size() > tail) credential.remove_prefix(credential.size() - tail);
  return SipHash(key_).update(credential).finish();
}

std::expected<VerifiedToken, Refusal> Verifier::verify(std::string_view credential,
                                                       std::string* why) {
  const uint64_t hash = hash_of(credential);
  const size_t sets = entries_.size() / ways;
  const std::span<Entry> set = std::span(entries_).subspan((hash & (sets - 1)) * ways, ways);
  ++clock_;
  for (Entry& entry : set) {
    // How long the comparison takes tells something to those alone who know the end already.
    if (entry.hash != hash || entry.chain == nullptr || entry.credential != credential) continue;
    entry.used = clock_;
    ++hits_;
    return VerifiedToken(entry.chain);
  }
  std::string ignored;
  auto chain = prove(credential, why != nullptr ? *why : ignored);
  if (!chain) return std::unexpected(chain.error());
  keep(set, {hash, std::string(credential), *chain, bytes_of(credential, **chain), clock_});
  return VerifiedToken(*std::move(chain));
}

// In the place of the entry that was used longest ago, or of several: a set keeps to its share.
void Verifier::keep(std::span<Entry> set, Entry entry) {
  if (entry.bytes > set_bytes_max) return;
  std::ranges::sort(set, std::greater(), &Entry::used);  // an empty one comes last
  size_t bytes = entry.bytes;
  for (Entry& other : set.first(ways - 1)) {
    bytes += other.bytes;
    if (bytes > set_bytes_max) other = {};
  }
  set.back() = std::move(entry);
}

std::expected<std::shared_ptr<const TokenChain>, Refusal> Verifier::prove(
    std::string_view credential, std::string& why) const {
  const auto bytes = macaroon_from_text(credential);
  if (!bytes) return refuse(Refusal::token_malformed, bytes.error().message, why);
  const auto macaroon = read_macaroon(*bytes);
  if (!macaroon) return refuse(Refusal::token_malformed, macaroon.error().message, why);

  auto chain = std::make_shared<TokenChain>();
  if (!take_identity(macaroon->identifier, *chain)) {
    return refuse(Refusal::token_invalid, "not a token of a SatGate gateway", why);
  }
  const Key* key = keyring_->find(chain->key_id);
  if (key == nullptr) return refuse(Refusal::token_invalid, "signed by an unknown key", why);
  for (const MacaroonCaveat& caveat : macaroon->caveats) {
    if (caveat.is_third_party()) {
      return refuse(Refusal::token_invalid, "third-party caveats are not supported", why);
    }
  }

  // The whole chain first, one comparison at its end; no caveat is read before it is proven.
  chain->points.reserve(macaroon->caveats.size() + 1);
  Hash256 signature = chain_start(key->derived, macaroon->identifier);
  chain->points.push_back(point_of(signature));
  for (const MacaroonCaveat& caveat : macaroon->caveats) {
    signature = chain_next(signature, caveat.id);
    chain->points.push_back(point_of(signature));
  }
  if (!equal_constant_time(as_bytes_view(signature), as_bytes_view(macaroon->signature))) {
    return refuse(Refusal::token_invalid, "the signature does not hold", why);
  }

  chain->caveats.reserve(macaroon->caveats.size());
  for (const MacaroonCaveat& text : macaroon->caveats) {
    auto caveat = parse_caveat(text.id, currency_);
    if (!caveat) return refuse(Refusal::token_invalid, caveat.error().message, why);
    if (caveat->key == CaveatKey::preimage) {
      if (!chain->sale) {
        return refuse(Refusal::token_invalid, "a preimage is only for a paid token", why);
      }
      Hash256& preimage = chain->preimage.emplace();
      std::ranges::copy(caveat->items.front(), preimage.begin());
    }
    if (caveat->key == CaveatKey::holder) {
      chain->holders.push_back(caveat->items.front());
      chain->leaf_label = caveat->items.front();
    }
    chain->caveats.push_back(*std::move(caveat));
    if (opens_account(chain->caveats.back())) {
      const AccountId& point = chain->points[chain->caveats.size()];
      chain->accounts.push_back(account_of(chain->caveats.back(), point, chain->leaf_label));
    }
  }
  if (chain->sold_caveats > chain->caveats.size()) {
    return refuse(Refusal::token_invalid, "the identifier counts caveats that are not there", why);
  }
  if (!depth_holds(chain->caveats)) {
    return refuse(Refusal::depth_exceeded, "delegated deeper than max_depth allows", why);
  }
  return chain;
}

std::optional<Time> expires_at(const VerifiedToken& token) {
  std::optional<Time> earliest;
  for (const Caveat& caveat : token.chain().caveats) {
    if (caveat.key != CaveatKey::expires) continue;
    earliest = earliest ? std::min(*earliest, caveat.time) : caveat.time;
  }
  return earliest;
}

std::optional<Refusal> judge_time(const VerifiedToken& token, Time now) {
  const std::optional<Time> end = expires_at(token);
  if (end && now >= *end) return Refusal::token_expired;
  return std::nullopt;
}

std::optional<Money> call_max(const VerifiedToken& token) {
  std::optional<Money> smallest;
  for (const Caveat& caveat : token.chain().caveats) {
    if (caveat.key != CaveatKey::call_max) continue;
    smallest = smallest ? min(*smallest, caveat.amount) : caveat.amount;
  }
  return smallest;
}

std::optional<std::string_view> label(const VerifiedToken& token, std::string_view name) {
  for (const Caveat& caveat : token.chain().caveats) {
    if (caveat.key == CaveatKey::label && caveat.name == name) return caveat.items.front();
  }
  return std::nullopt;
}

}  // namespace satgate::token
