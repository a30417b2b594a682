// `POST tokens`: a root token by its name, minted once and given again to whoever asks in the same
// words.
#include <fmt/format.h>

#include "console/terms.h"
#include "console/token_api.h"
#include "console/token_fields.h"
#include "token/mint.h"

namespace satgate::console {

// As the token's record would be, without an id and a key.
std::expected<TokenRecord, ApiError> TokenApi::read_request(const Json& body, Time now) const {
  Fields fields(body, currency());
  const std::optional<std::string> name = fields.text("name");
  TokenRecord record;
  record.limits = fields.limits();
  record.budget = fields.text("budget").value_or("");
  record.labels = fields.strings("labels");
  record.alert_threshold = fields.amount("alert_threshold");
  const Narrowing narrowing = read_narrowing(fields);
  TRY(fields.finish());
  TRY(check_name(name));
  auto caveats = caveats_of(narrowing, now);
  if (!caveats) return bad_request(caveats.error().message);
  record.name = *name;
  record.created = now;
  record.caveats = std::move(*caveats);
  if (narrowing.expires) {
    // To the second, as its caveat says it.
    record.expires = Time::seconds(parse_expiry(*narrowing.expires, now)->unix_seconds());
  }
  return record;
}

Reply TokenApi::create(const Json& body) {
  const Time now = gateway_.clock.now();
  TRY_ASSIGN(TokenRecord asked, read_request(body, now));
  const store::Directory& directory = gateway_.bank.directory();
  TRY_ASSIGN(const auto known, available(directory.token_by_name(asked.name)));
  if (known) return mint_again(*known, asked, now);
  if (!asked.budget.empty() && !directory.budget(asked.budget)) {
    return bad_request(
        fmt::format("there is no budget '{0}'; create it with 'satgate budget create "
                    "--name {0}'",
                    asked.budget));
  }
  return mint_new(std::move(asked));
}

Reply TokenApi::mint_new(TokenRecord record) {
  const std::shared_ptr<const token::Keyring> keyring = gateway_.keyring();
  record.id = random_id<TokenId>();
  record.key_id = keyring->active().id;
  auto text = token::mint(*keyring, record.id, record.caveats, currency());
  if (!text) return bad_request(text.error().message);
  TRY(note(EventKind::mint, record, "minted"));
  if (auto added = gateway_.bank.directory().add_token(record); !added) {
    return conflict(added.error().message);
  }
  Json out = describe_with_text(std::move(*text), record);
  out["existing"] = false;
  return out;
}

Reply TokenApi::mint_again(const TokenRecord& known, const TokenRecord& asked, Time now) {
  if (known.parent) {
    return conflict(fmt::format(
        "there is a token '{}' already, carved out of another; choose another name", known.name));
  }
  if (known.revoked) {
    return conflict(
        fmt::format("the token '{}' was revoked, for good; choose another name", known.name));
  }
  if (const auto differing = differences(known, asked); !differing.empty()) {
    return conflict(
        fmt::format("there is a token '{}' already that is not what is asked for: {}. Ask for what "
                    "it is, change its limits with 'satgate token update', or choose another name",
                    known.name, fmt::join(differing, ", ")));
  }
  TRY_ASSIGN(std::string text, text_of(known));
  if (known.expires && now >= *known.expires) return renew(known, asked, now);
  Json out = describe_with_text(std::move(text), known);
  out["existing"] = true;
  return out;
}

// Another text for the same id, and so for the same account: what was spent stays spent, in every
// window. The old text stays expired.
Reply TokenApi::renew(const TokenRecord& known, const TokenRecord& asked, Time now) {
  if (now >= *asked.expires) {
    return conflict(
        fmt::format("the token '{}' expired at {}; ask for a later 'expires' to renew it",
                    known.name, format_rfc3339(*known.expires)));
  }
  const std::shared_ptr<const token::Keyring> keyring = gateway_.keyring();
  TokenRecord record = known;
  record.key_id = keyring->active().id;
  record.expires = asked.expires;
  record.caveats = asked.caveats;
  auto text = token::mint(*keyring, record.id, record.caveats, currency());
  if (!text) return bad_request(text.error().message);
  TRY(note(EventKind::mint, record, "renewed: it had expired"));
  if (auto stored = gateway_.bank.directory().update_token(record); !stored) {
    return unavailable(stored.error().message);
  }
  Json out = describe_with_text(std::move(*text), record);
  out["existing"] = false;
  return out;
}

std::expected<std::string, ApiError> TokenApi::text_of(const TokenRecord& record) const {
  const std::shared_ptr<const token::Keyring> keyring = gateway_.keyring();
  const token::Key* key = keyring->find(record.key_id);
  if (key == nullptr) {
    return conflict(
        fmt::format("the token '{}' ended with its root key {}, which was retired; mint one "
                    "of another name",
                    record.name, record.key_id));
  }
  auto text = token::mint(*key, record.id, record.caveats, currency());
  if (!text) return conflict(text.error().message);
  return std::move(*text);
}

Json TokenApi::describe_with_text(std::string text, const TokenRecord& record) const {
  Json out = {{"token", std::move(text)}};
  out.update(describe(record, false));
  return out;
}

}  // namespace satgate::console
