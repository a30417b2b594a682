// The admin listener: /api/v1, /metrics, health, the console's page. Separate from the agents'
// listener, and never opened by an agent's token (Law 4.5). Runs on a loop of its own; its work may
// block.
#pragma once

#include <string>

#include "console/approval_api.h"
#include "console/approval_webhook.h"
#include "console/budget_api.h"
#include "console/definition_api.h"
#include "console/lightning_api.h"
#include "console/record_api.h"
#include "console/token_api.h"
#include "flow/gateway.h"
#include "net/http_server.h"

namespace satgate::console {

class AdminPlane final : public net::Handler {
 public:
  // `admin_token`: what a Bearer must be.
  AdminPlane(flow::Gateway& gateway, std::string admin_token, SaveKeyring save_keyring);

  net::Task<> handle(net::ServerExchange& http) override;

  TokenApi& tokens() { return tokens_; }

 private:
  struct Request;
  bool is_authorized(const wire::RequestHead& request) const;
  net::Task<> handle_api(net::ServerExchange& http);
  net::Task<Reply> answer(const Request& request);
  Reply dispatch(const Request& request);
  Reply dispatch_tokens(const Request& request);
  Reply dispatch_budgets(const Request& request);
  Reply dispatch_approvals(const Request& request);
  Reply dispatch_definitions(const Request& request);
  Reply dispatch_lightning(const Request& request);
  Reply dispatch_keys(const Request& request);

  flow::Gateway& gateway_;
  std::string admin_token_;
  TokenApi tokens_;
  BudgetApi budgets_;
  RecordApi record_;
  ApprovalApi approvals_;
  DefinitionApi definitions_;
  LightningApi lightning_;
  ApprovalWebhook webhook_;
};

}  // namespace satgate::console
