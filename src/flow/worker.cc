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
    anonymous_record_ = nullptr;
  }
}

const std::shared_ptr<const Settings>& Worker::settings() {
  refresh();
  return settings_;
}

const std::string& Worker::anonymous_credential() {
  const std::string& name = settings()->anonymous;
  auto record = name.empty() ? nullptr : gateway.bank.directory().token_by_name(name);
  if (record != anonymous_record_) {
    anonymous_record_ = std::move(record);
    anonymous_.clear();
    if (anonymous_record_) {
      auto text = token::mint(*keyring_, anonymous_record_->id, anonymous_record_->caveats,
                              settings_->currency);
      if (text) anonymous_ = std::move(*text);
    }
  }
  return anonymous_;
}

}  // namespace satgate::flow
