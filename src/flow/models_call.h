// GET /v1/models and /v1/models/ID of an LLM provider: its own list, with what this caller may use
// and what that costs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "flow/caller.h"
#include "flow/conversation.h"
#include "flow/relay.h"
#include "flow/worker.h"

namespace satgate::flow {

class ModelsCall final : public Conversation {
 public:
  // References outlive the conversation; `call` carries what the route says.
  ModelsCall(Worker& worker, const Settings& settings, net::ServerExchange& http,
             const Route& route, const Call& call);

  const Call& call() const override { return call_; }
  const Settings& settings() const override { return settings_; }
  Credential credential() const override;
  net::Task<bool> add_content(SipHash& fingerprint) override;
  net::Task<Outcome> forward(const Passing& passing) override;
  net::Task<> complete(const Settled& settled) override;
  net::Task<> refuse(const Denial& denial) override;
  net::Task<> fail(const Fault& fault) override;

 private:
  net::Task<std::optional<Fault>> fetch();
  std::optional<Fault> narrow();
  std::optional<std::string> price_of(const Caller& caller, std::string_view model) const;
  Protocol protocol() const;

  Worker& worker_;
  const Settings& settings_;
  net::ServerExchange& http_;
  const Route& route_;
  const Call& call_;
  Passing passing_;
  std::optional<net::ClientExchange> upstream_call_;
  const wire::ResponseHead* head_ = nullptr;
  std::string answer_;
};

}  // namespace satgate::flow
