// Any HTTP API: the flat price of an endpoint or route, bodies streamed both ways.
#pragma once

#include <optional>
#include <string>

#include "flow/http_conversation.h"
#include "flow/relay.h"
#include "flow/shopper.h"

namespace satgate::flow {

class HttpCall final : public HttpConversation {
 public:
  HttpCall(Worker& worker, const Settings& settings, net::ServerExchange& http, const Route& route,
           Call& call);

  net::Task<bool> add_content(SipHash& fingerprint) override;
  std::optional<Money> purchase_max() const override;
  net::Task<Outcome> forward(const Passing& passing) override;
  net::Task<> complete(const Settled& settled) override;

 private:
  std::optional<Money> told_cost(const wire::ResponseHead& head) const;
  void begin_upstream(std::string_view authorization);
  net::Task<std::optional<Fault>> ask(bool whole);
  net::Task<std::optional<Fault>> ask_and_buy(Shopper& shopper);
  net::Task<std::optional<Fault>> hand_on();
  net::Task<std::optional<Fault>> relay_body(const wire::ResponseHead& head);
  net::Task<std::optional<Fault>> hold_body(const wire::ResponseHead& head);

  const Route& route_;
  std::optional<net::Reply<std::string_view>> read_ahead_;  // the request body, if it was
  std::optional<net::ClientExchange> upstream_call_;
  std::optional<net::CancelWhenGone> guard_;  // of it, while it is waited for
  const wire::ResponseHead* head_ = nullptr;
  std::string_view body_;  // held back: the whole answer, or its last piece
};

}  // namespace satgate::flow
