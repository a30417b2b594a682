// The gateway's own access token at an MCP server, by OAuth 2.0 client credentials (RFC 6749, 4.4):
// fetched when it is needed, kept until shortly before it expires, once for all who wait for it. On
// the hub's loop. Errors are sentences for a person and hold no secret.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dialect/mcp/raw_json.h"
#include "flow/mcp/flight.h"
#include "net/http_client.h"
#include "net/upstream.h"

namespace satgate::flow::mcp {

// What a token endpoint has answered with (RFC 6749, 5.1).
struct TokenAnswer {
  std::string token;
  std::optional<std::chrono::seconds> lifetime;  // nothing: it did not say
};
Result<TokenAnswer> read_token_answer(std::string_view body, dialect::mcp::RawJson& json);

// The code of an error answer (5.2) in brackets, if it is one that we know: others may hold
// anything.
std::string token_error(std::string_view body, dialect::mcp::RawJson& json);

class AccessTokens final : public std::enable_shared_from_this<AccessTokens> {
 public:
  // Fails when the URL cannot be used.
  static Result<std::shared_ptr<AccessTokens>> make(net::Loop& loop, const OAuthClient& client,
                                                    std::chrono::milliseconds answer_wait,
                                                    std::shared_ptr<net::UpstreamPool> pool);
  // For make().
  AccessTokens(net::Loop& loop, const OAuthClient& client, const wire::Url& url,
               std::chrono::milliseconds answer_wait, std::shared_ptr<net::UpstreamPool> pool);

  // One that is good now, or why there is none. The end of `flight`, if given, ends the wait.
  net::Task<Result<std::string>> get(Flight* flight);
  // The MCP server does not accept it. True: get() will give another one. False: this one is so
  // new that another would be refused, too.
  bool refuse(std::string_view token);
  void stop();

 private:
  using Clock = net::Wheel::Clock;

  void begin_fetch();
  static net::Task<> fetch(std::shared_ptr<AccessTokens> self);
  net::Task<Result<TokenAnswer>> ask();
  Result<TokenAnswer> read(int status, std::string_view body);
  void keep(TokenAnswer answer);
  bool is_good() const { return !token_.empty() && loop_.now() < expires_; }

  net::Loop& loop_;
  const std::shared_ptr<net::UpstreamPool> pool_;
  const net::UpstreamIdentity identity_;
  const std::string target_;
  const std::string where_;  // for people
  const std::chrono::milliseconds answer_wait_;
  std::string basic_;  // Authorization; empty: the secret stands in the body
  std::string body_;
  dialect::mcp::RawJson json_;
  std::string token_;
  std::string why_;  // the last request failed; empty: it did not
  Clock::time_point fetched_{}, renew_{}, expires_{};
  Clock::time_point not_before_{};  // after a failure
  std::vector<std::shared_ptr<net::Event>> waiters_;
  Flight* asking_ = nullptr;
  bool fetching_ = false;
  bool stopping_ = false;
};

}  // namespace satgate::flow::mcp
