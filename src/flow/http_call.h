// Any HTTP API: the flat price of an endpoint or route, bodies streamed both ways.
#pragma once

#include <optional>
#include <string>

#include "flow/conversation.h"
#include "flow/relay.h"
#include "flow/worker.h"

namespace satgate::flow {

class HttpCall final : public Conversation {
 public:
  // References outlive the conversation; `call` carries what the route says.
  HttpCall(Worker& worker, const Settings& settings, net::ServerExchange& http, const Route& route,
           const Call& call);

  const Call& call() const override { return call_; }
  const Settings& settings() const override { return settings_; }
  Credential credential() const override;
  net::Task<bool> add_content(SipHash& fingerprint) override;
  net::Task<Outcome> forward(const Passing& passing) override;
  net::Task<> complete(const Settled& settled) override;
  net::Task<> refuse(const Denial& denial) override;
  net::Task<> fail(const Fault& fault) override;

 private:
  net::Task<std::optional<Fault>> relay_body(const wire::ResponseHead& head);
  net::Task<std::optional<Fault>> hold_body(const wire::ResponseHead& head);

  Worker& worker_;
  const Settings& settings_;
  net::ServerExchange& http_;
  const Route& route_;
  const Call& call_;
  std::optional<net::Reply<std::string_view>> read_ahead_;  // the request body, if it was
  Passing passing_;
  std::optional<net::ClientExchange> upstream_call_;
  const wire::ResponseHead* head_ = nullptr;
  std::string_view body_;  // held back: the whole answer, or its last piece
};

}  // namespace satgate::flow
