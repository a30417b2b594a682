#include "flow/worker.h"

#include "token/mint.h"

namespace satgate::flow {

Worker::Worker(Gateway& shared, net::Loop& its_loop)
    : gateway(shared),
      loop(its_loop),
      pool(its_loop),
      verifier(shared.keyring(), shared.settings()->currency),
      recorder(shared, its_loop) {
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
const std::string& Worker::credential_of(const std::string& token_name) {
  static const std::string none;
  const auto record = gateway.bank.directory().token_by_name(token_name);
  if (!record) return none;
  refresh();
  Named& named = named_[token_name];
  if (named.id != record->id || named.text.empty()) {
    named.id = record->id;
    named.text.clear();
    auto text = token::mint(*keyring_, record->id, record->caveats, settings_->currency);
    if (text) named.text = std::move(*text);
  }
  return named.text;
}

Credential Worker::as_token(const Credential& credential, const Settings& settings) {
  if (credential.kind == Credential::Kind::none) {
    if (settings.anonymous.empty()) return credential;
    const std::string& text = credential_of(settings.anonymous);
    return text.empty() ? credential : Credential{Credential::Kind::token, text};
  }
  if (credential.kind != Credential::Kind::foreign) return credential;
  const std::string* name = settings.api_keys.find(credential.text);
  return name == nullptr ? credential : Credential{Credential::Kind::token, credential_of(*name)};
}

}  // namespace satgate::flow
