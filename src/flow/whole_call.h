// A call without a body, whose answer is read whole and changed before it is handed on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "flow/http_conversation.h"
#include "flow/relay.h"

namespace satgate::flow {

class WholeCall : public HttpConversation {
 public:
  WholeCall(Worker& worker, const Settings& settings, net::ServerExchange& http, const Route& route,
            Call& call);

  net::Task<Outcome> forward(const Passing& passing) final;
  net::Task<> complete(const Settled& settled) override;

 protected:
  // Nothing, or a sentence: it can not be read.
  virtual std::optional<std::string_view> change(std::string& answer) = 0;

  const Route& route_;
  const wire::ResponseHead* head_ = nullptr;
  std::string answer_;

 private:
  net::Task<std::optional<Fault>> fetch();
  std::optional<Fault> judge();

  std::optional<net::ClientExchange> upstream_call_;
};

}  // namespace satgate::flow
