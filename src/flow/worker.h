// What one loop owns: its verifier with the cache of proven tokens, its upstream connections, its
// readers' buffers, and snapshots of what the gateway shares.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "dialect/mcp/raw_json.h"
#include "dialect/openai/chat.h"
#include "flow/conversation.h"
#include "flow/gateway.h"
#include "flow/pricer.h"
#include "flow/recorder.h"
#include "net/http_client.h"
#include "token/verifier.h"

namespace satgate::flow {

class Worker {
 public:
  Worker(Gateway& shared, net::Loop& the_loop);

  Gateway& gateway;
  net::Loop& loop;
  net::UpstreamPool pool;
  token::Verifier verifier;
  Recorder recorder;
  Pricer pricer;
  // Reused from call to call, between two points where a call may wait, so that it allocates
  // nothing.
  AuditEvent event;
  std::string target;
  dialect::mcp::RawJson json;

  // The settings now in force; hold the pointer for as long as views into them are used.
  const std::shared_ptr<const Settings>& settings();

  // The token that a request without one may act under by the config: without any credential
  // `server.anonymous`, with a plain API key the key's own. What the config does not know stays as
  // it is. The text is good until the next call of this. An error: a record can not be read.
  Result<Credential> as_token(const Credential& credential, const Settings& settings);

 private:
  void refresh();
  Result<std::string_view> credential_of(const std::string& token_name);

  uint64_t generation_ = 0;
  std::shared_ptr<const Settings> settings_;
  std::shared_ptr<const token::Keyring> keyring_;
  struct Named {
    TokenId id;
    std::optional<Time> expires;  // it may be renewed
    std::string text;
  };
  std::unordered_map<std::string, Named> named_;  // by token name; as many as configs have named
};

}  // namespace satgate::flow
