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

const std::string& Worker::credential_of(const std::string& token_name) {
  static const std::string none;
  if (token_name.empty()) return none;
  refresh();
  Named& named = named_[token_name];
  auto record = gateway.bank.directory().token_by_name(token_name);
  if (record != named.record) {
    named.record = std::move(record);
    named.text.clear();
    if (named.record) {
      auto text =
          token::mint(*keyring_, named.record->id, named.record->caveats, settings_->currency);
      if (text) named.text = std::move(*text);
    }
  }
  return named.text;
}

}  // namespace satgate::flow
