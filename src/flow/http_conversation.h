// What all conversations over plain HTTP share: how a client is recognised, and how it is told that
// a call was refused or broke.
#pragma once

#include <string_view>

#include "flow/conversation.h"
#include "flow/settings.h"
#include "flow/worker.h"
#include "net/http_server.h"

namespace satgate::flow {

class HttpConversation : public Conversation {
 public:
  // References outlive the conversation; `call` carries what the route says.
  HttpConversation(Worker& worker, const Settings& settings, net::ServerExchange& http, Call& call)
      : worker_(worker), settings_(settings), http_(http), call_(call) {}

  const Call& call() const final { return call_; }
  const Settings& settings() const final { return settings_; }
  Credential credential() const final;
  Payer payer() const final;
  std::string_view field(std::string_view name) const final;
  bool has_begun() const final { return http_.response_started(); }
  net::Task<> refuse(const Denial& denial) final;
  net::Task<> fail(const Fault& fault) override;

 protected:
  Worker& worker_;
  const Settings& settings_;
  net::ServerExchange& http_;
  Call& call_;
  Passing passing_;
};

}  // namespace satgate::flow
