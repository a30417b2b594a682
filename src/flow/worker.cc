#include "flow/worker.h"

#include "token/mint.h"

namespace satgate::flow {

Worker::Worker(Gateway& shared, net::Loop& the_loop)
    : gateway(shared),
      loop(the_loop),
      pool(the_loop),
      verifier(shared.keyring(), shared.settings()->currency),
      recorder(shared, the_loop),
      pricer(pool) {
  refresh();
}

void Worker::refresh() {
  const uint64_t generation = gateway.generation();
  if (generation == generation_) return;
  generation_ = generation;
  settings_ = gateway.settings();
  if (auto keyring = gateway.keyring(); keyring != keyring_) {
    keyring_ = std::move(keyring);
    verifier.set_keyring(keyring_);
    named_.clear();
  }
}

const std::shared_ptr<const Settings>& Worker::settings() {
  refresh();
  return settings_;
}

// The text of the token of this name, made anew from its record, which holds no secret. Empty:
// there is no such token.
Result<std::string_view> Worker::credential_of(const std::string& token_name) {
  TRY_ASSIGN(const auto record, gateway.bank.directory().token_by_name(token_name));
  if (!record) return std::string_view();
  refresh();
  Named& named = named_[token_name];
  if (named.id != record->id || named.expires != record->expires || named.text.empty()) {
    named.id = record->id;
    named.expires = record->expires;
    named.text.clear();
    auto text = token::mint(*keyring_, record->id, record->caveats, settings_->currency);
    if (text) named.text = std::move(*text);
  }
  return std::string_view(named.text);
}

Result<Credential> Worker::as_token(const Credential& credential, const Settings& settings) {
  if (credential.kind == Credential::Kind::none) {
    if (settings.anonymous.empty()) return credential;
    TRY_ASSIGN(const std::string_view text, credential_of(settings.anonymous));
    return text.empty() ? credential : Credential::of(Credential::Kind::token, text);
  }
  if (credential.kind != Credential::Kind::foreign) return credential;
  const std::string* name = settings.api_keys.find(credential.text);
  if (name == nullptr) return credential;
  TRY_ASSIGN(const std::string_view text, credential_of(*name));
  return Credential::of(Credential::Kind::token, text);
}

}  // namespace satgate::flow
