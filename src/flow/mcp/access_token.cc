#include "flow/mcp/access_token.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "wire/url.h"

namespace satgate::flow::mcp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kAnswerBytesMax = 64 * 1024;
constexpr size_t kTokenBytesMax = 16 * 1024;
constexpr seconds kLeadMax{30};             // a token is renewed so long before it expires
constexpr seconds kLifetimeMax{86'400};     // then it is asked for again, whatever was said
constexpr milliseconds kRenewPause{1'000};  // between two tokens that the MCP server refuses
constexpr milliseconds kFailurePause{1'000};

constexpr std::array<std::string_view, 8> kKnownErrors = {
    "invalid_request",        "invalid_client", "invalid_grant",  "unauthorized_client",
    "unsupported_grant_type", "invalid_scope",  "invalid_target", "temporarily_unavailable"};

// application/x-www-form-urlencoded.
std::string form_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool is_plain = is_letter || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    if (is_plain) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

void append_pair(std::string& body, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  body += fmt::format("&{}={}", name, form_encode(value));
}

std::string request_body(const OAuthClient& client) {
  std::string body = "grant_type=client_credentials";
  append_pair(body, "scope", client.scope);
  append_pair(body, "resource", client.resource);
  append_pair(body, "audience", client.audience);
  if (!client.secret_in_body) return body;
  append_pair(body, "client_id", client.client_id);
  append_pair(body, "client_secret", client.client_secret);
  return body;
}

// Both parts are encoded first (RFC 6749, 2.3.1).
std::string basic_of(const OAuthClient& client) {
  if (client.secret_in_body) return {};
  return "Basic " + base64_encode(fmt::format("{}:{}", form_encode(client.client_id),
                                              form_encode(client.client_secret)));
}

net::UpstreamIdentity identity_at(const wire::Url& url, const std::string& ca_file) {
  net::UpstreamIdentity identity = net::identity_of(url);
  identity.ca_file = ca_file;
  return identity;
}

bool is_field_value(std::string_view token) {
  return !token.empty() && token.size() <= kTokenBytesMax &&
         std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_string(std::string_view raw) {
  return raw.starts_with('"');
}

// A number, or one in quotes as some servers have it. Parts of a second do not count.
std::optional<seconds> read_lifetime(std::string_view raw) {
  if (is_string(raw)) raw = raw.substr(1, raw.size() - 2);
  const auto whole = parse_uint(raw.substr(0, raw.find('.')));
  if (!whole || *whole == 0) return std::nullopt;
  return seconds(std::min<uint64_t>(*whole, static_cast<uint64_t>(kLifetimeMax.count())));
}

std::string_view remedy_for(std::string_view error) {
  if (error.find("client") != error.npos) return "; check clientId, clientSecret and authMethod";
  if (error.find("scope") != error.npos) return "; check scope";
  if (error.find("target") != error.npos) return "; check resource and audience";
  return "";
}

}  // namespace

Result<TokenAnswer> read_token_answer(std::string_view body, dialect::mcp::RawJson& json) {
  TRY(json.check(body));
  TRY_ASSIGN(const auto members, json.members(body));
  TokenAnswer answer;
  for (const auto& member : members) {
    if (member.key == "expires_in" && member.value != "null") {
      answer.lifetime = read_lifetime(member.value);
      if (!answer.lifetime) return fail("its expires_in is no number of seconds");
    }
    const bool is_ours = member.key == "access_token" || member.key == "token_type";
    if (!is_ours) continue;
    if (!is_string(member.value)) return fail(fmt::format("its {} is no text", member.key));
    TRY_ASSIGN(const std::string_view text, json.unescape(member.value));
    if (member.key == "access_token") answer.token = text;
    if (member.key == "token_type" && !equals_ignore_case(text, "bearer")) {
      return fail("its token_type is not Bearer");
    }
  }
  if (answer.token.empty()) return fail("it has no access_token");
  if (!is_field_value(answer.token)) return fail("its access_token can not stand in a header");
  return answer;
}

std::string token_error(std::string_view body, dialect::mcp::RawJson& json) {
  if (!json.check(body)) return {};
  const auto members = json.members(body);
  if (!members) return {};
  for (const auto& member : *members) {
    if (member.key != "error") continue;
    for (const std::string_view known : kKnownErrors) {
      if (member.value == fmt::format("\"{}\"", known)) {
        return fmt::format(" ({}){}", known, remedy_for(known));
      }
    }
  }
  return {};
}

Result<std::shared_ptr<AccessTokens>> AccessTokens::make(net::Loop& loop, const OAuthClient& client,
                                                         milliseconds answer_wait,
                                                         std::shared_ptr<net::UpstreamPool> pool) {
  TRY_ASSIGN(const auto url, wire::parse_url(client.token_url));
  return std::make_shared<AccessTokens>(loop, client, url, answer_wait, std::move(pool));
}

AccessTokens::AccessTokens(net::Loop& loop, const OAuthClient& client, const wire::Url& url,
                           milliseconds answer_wait, std::shared_ptr<net::UpstreamPool> pool)
    : loop_(loop),
      pool_(std::move(pool)),
      identity_(identity_at(url, client.ca_file)),
      target_(url.base_path.empty() ? "/" : url.base_path),
      where_(client.token_url),
      answer_wait_(answer_wait),
      basic_(basic_of(client)),
      body_(request_body(client)) {}

void AccessTokens::stop() {
  stopping_ = true;
  if (asking_ != nullptr) asking_->end(Flight::End::cancelled);
}

net::Task<Result<std::string>> AccessTokens::get(Flight* flight) {
  const auto self = shared_from_this();
  const bool may_ask = !stopping_ && loop_.now() >= not_before_;
  if (is_good()) {
    // Nobody waits for the next one while this one is good.
    if (may_ask && loop_.now() >= renew_) begin_fetch();
    co_return token_;
  }
  if (may_ask) {
    const auto done = std::make_shared<net::Event>(loop_);
    waiters_.push_back(done);
    begin_fetch();
    std::optional<Flight::Waiting> waiting;
    if (flight != nullptr) waiting.emplace(*flight, *done);
    co_await done->wait(answer_wait_ + milliseconds(1'000));
  }
  if (is_good()) co_return token_;
  co_return fail(fmt::format("no access token from {}: {}", where_,
                             why_.empty() ? "the wait for it has ended" : why_));
}

bool AccessTokens::refuse(std::string_view token) {
  if (token != token_) return true;
  if (loop_.now() - fetched_ < kRenewPause) return false;
  token_.clear();
  return true;
}

void AccessTokens::begin_fetch() {
  if (!std::exchange(fetching_, true)) net::spawn(loop_, fetch(shared_from_this()));
}

net::Task<> AccessTokens::fetch(std::shared_ptr<AccessTokens> self) {
  auto answer = co_await self->ask();
  self->fetching_ = false;
  if (answer) {
    self->keep(std::move(*answer));
  } else {
    self->why_ = std::move(answer.error().message);
    self->not_before_ = self->loop_.now() + kFailurePause;
  }
  for (const auto& waiter : std::exchange(self->waiters_, {}))
    waiter->notify();
}

net::Task<Result<TokenAnswer>> AccessTokens::ask() {
  Flight limit(loop_);
  limit.arm(answer_wait_);
  net::ClientOptions options;
  options.connect_timeout = options.between_bytes_timeout = answer_wait_;
  net::ClientExchange call(*pool_, identity_, options);
  const Flight::Waiting waiting(limit, call);
  asking_ = &limit;
  auto& head = call.request("POST", target_);
  head.field("content-type", "application/x-www-form-urlencoded");
  head.field("accept", "application/json");
  if (!basic_.empty()) head.field("authorization", basic_);
  const auto went = co_await call.send(body_);
  std::optional<Fault> fault;
  int status = 0;
  std::string_view body;
  if (!went) {
    fault = went.error();
  } else if (const auto answered = co_await call.read_head(); !answered) {
    fault = answered.error();
  } else {
    status = (*answered)->status;
    const auto read_body = co_await call.read_all(kAnswerBytesMax);
    if (read_body) body = *read_body;
    if (!read_body) fault = read_body.error();
  }
  asking_ = nullptr;
  if (limit.ended() == Flight::End::overdue) {
    co_return fail(fmt::format("it did not answer within {} ms", answer_wait_.count()));
  }
  if (fault) co_return fail(fault->message);
  co_return read(status, body);
}

Result<TokenAnswer> AccessTokens::read(int status, std::string_view body) {
  if (status != 200) {
    const std::string error = token_error(body, json_);
    json_.forget();
    return fail(fmt::format("it answered HTTP {}{}", status, error));
  }
  auto answer = read_token_answer(body, json_);
  json_.forget();
  if (!answer) return fail("its answer can not be used: " + answer.error().message);
  return answer;
}

void AccessTokens::keep(TokenAnswer answer) {
  token_ = std::move(answer.token);
  why_.clear();
  fetched_ = loop_.now();
  const seconds lifetime = answer.lifetime.value_or(kLifetimeMax);
  const auto lead = std::min<milliseconds>(kLeadMax, milliseconds(lifetime) / 4);
  renew_ = fetched_ + lifetime - lead;
  expires_ = fetched_ + lifetime - lead / 4;  // a request takes a while to arrive
}

}  // namespace satgate::flow::mcp
