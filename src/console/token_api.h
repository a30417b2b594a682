// Tokens: minting, carving, lists, changes, revocation, keys.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "console/api.h"
#include "console/carved_children.h"
#include "console/narrowing.h"
#include "flow/gateway.h"
#include "token/verifier.h"

namespace satgate::console {

// Writes the key file after a rotation; the error is a sentence.
using SaveKeyring = std::function<Result<void>(const token::Keyring&)>;

class TokenApi {
 public:
  TokenApi(flow::Gateway& gateway, SaveKeyring save_keyring);

  // Idempotent by name: asked for again in the same words, a token is the same, byte for byte.
  Reply create(const Json& body);
  Reply mint_child(const Json& body);
  Reply list();
  Reply show(std::string_view id_or_name);
  Reply update(std::string_view id_or_name, const Json& body);
  // By name, by id, or by a token's text: then that point of the lineage and everything below it.
  Reply revoke(std::string_view which);
  Reply unblock(std::string_view id_or_name);

  Reply keys();
  Reply rotate_key();
  Reply retire_key(std::string_view id);

  // Once, before the first request: what earlier runs carved.
  Result<void> load_carves() { return carved_.load(gateway_.clock.now()); }
  // Gives back what carved children that have ended did not spend. Called about once a second.
  void return_ended_carves() { carved_.return_ended(gateway_.clock.now()); }

 private:
  using Found = std::expected<std::shared_ptr<const TokenRecord>, ApiError>;
  Found look_up(std::string_view id_or_name) const;  // null: there is none
  Found find(std::string_view id_or_name) const;     // then it is not_found
  std::expected<TokenRecord, ApiError> read_request(const Json& body, Time now) const;
  Reply mint_new(TokenRecord record);
  Reply mint_again(const TokenRecord& known, const TokenRecord& asked, Time now);
  Reply renew(const TokenRecord& known, const TokenRecord& asked, Time now);
  // The text of a root token as it was minted; its key may have been retired since.
  std::expected<std::string, ApiError> text_of(const TokenRecord& record) const;
  Json describe_with_text(std::string text, const TokenRecord& record) const;
  Json describe(const TokenRecord& record, bool with_lineage) const;
  // The points below a token, depth first: each with its `depth` below it.
  Json describe_lineage(const TokenRecord& record) const;
  Json describe_point(const store::SeenPoint& seen, Time now) const;
  struct Parent;
  std::expected<Parent, ApiError> find_parent(token::Verifier& verifier, std::string text,
                                              Time now);
  std::expected<void, ApiError> carve(const Parent& parent, const TokenRecord& child, Time now);
  TokenRecord child_record(const Parent& parent, const VerifiedToken& child,
                           const Narrowing& narrowing, Time now) const;
  void note_lineage(const Parent& parent, const TokenRecord& child, const TokenChain& chain);
  Reply revoke_point(const AccountId& point);
  Reply revoke_point_of(std::string_view token_text);
  Reply revoke_record(TokenRecord record);
  // Writes the event of what a person did; the change stands only if it was written.
  std::expected<void, ApiError> note(EventKind kind, const TokenRecord& record,
                                     std::string_view detail);
  const Currency& currency() const { return currency_; }

  flow::Gateway& gateway_;
  SaveKeyring save_keyring_;
  Currency currency_;
  CarvedChildren carved_;
};

}  // namespace satgate::console
