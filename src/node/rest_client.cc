#include "node/rest_client.h"

#include <fmt/format.h>

#include <algorithm>

#include "net/tls.h"
#include "wire/url.h"

namespace satgate::node {
namespace {

constexpr size_t kShownBytesMax = 200;
constexpr size_t kLineBytesMax = 256 * 1024;
constexpr size_t kCredentialBytesMax = 16 * 1024;

bool is_field_value(std::string_view text) {
  return text.size() <= kCredentialBytesMax &&
         std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

// The time for a whole exchange.
class Limit {
 public:
  Limit(net::Loop& loop, net::ClientExchange& call, net::Milliseconds time)
      : call_(call), deadline_(loop, &Limit::overdue, this) {
    deadline_.arm(time);
  }
  bool is_over() const { return over_; }

 private:
  static void overdue(void* subject) {
    auto* self = static_cast<Limit*>(subject);
    self->over_ = true;
    self->call_.cancel();
  }

  net::ClientExchange& call_;
  net::Deadline deadline_;
  bool over_ = false;
};

// Hands on whole lines; false: `line` wants no more, or one is too long.
bool take_lines(std::string& held, const RestClient::Line& line) {
  size_t from = 0;
  for (size_t end = 0; (end = held.find('\n', from)) != std::string::npos; from = end + 1) {
    const std::string_view whole = std::string_view(held).substr(from, end - from);
    if (!whole.empty() && !line(whole)) return false;
  }
  held.erase(0, from);
  return held.size() <= kLineBytesMax;
}

}  // namespace

Result<std::unique_ptr<RestClient>> RestClient::make(Waits& waits, RestOptions options) {
  TRY_ASSIGN(const wire::Url url, wire::parse_url(options.url));
  if (!is_field_value(options.credential.second)) {
    return fail("the credential holds what can not stand in a header, such as a line break");
  }
  net::UpstreamIdentity identity = net::identity_of(url);
  identity.ca_file = options.certificate_file;
  identity.verify_host = options.certificate_name;
  if (identity.tls) TRY(net::TlsClientContext::create(identity));
  if (!identity.tls && !identity.ca_file.empty()) {
    return fail("a certificate is of no use with an http URL: write https");
  }
  return std::unique_ptr<RestClient>(
      new RestClient(waits, std::move(options), std::move(identity), url.base_path));
}

RestClient::RestClient(Waits& waits, RestOptions options, net::UpstreamIdentity identity,
                       std::string base)
    : waits_(waits),
      options_(std::move(options)),
      identity_(std::move(identity)),
      base_(std::move(base)),
      pool_(waits.loop) {}

net::ClientOptions RestClient::limits(const RestRequest& request) const {
  net::ClientOptions options;
  options.connect_timeout = std::min(options.connect_timeout, request.timeout);
  options.between_bytes_timeout = request.timeout;
  return options;
}

void RestClient::begin(net::ClientExchange& call, const RestRequest& request) const {
  auto& head = call.request(request.method, base_ + request.path);
  head.field("accept", "application/json");
  if (!request.content_type.empty()) head.field("content-type", request.content_type);
  if (!options_.credential.first.empty()) {
    head.field(options_.credential.first, options_.credential.second);
  }
}

net::Task<Rested<RestAnswer>> RestClient::ask(RestRequest request) {
  bool may_repeat = false;
  // A request that must not be repeated takes no connection that may have died meanwhile.
  if (!request.repeatable) pool_.clear();
  auto answer = co_await ask_once(request, may_repeat);
  if (!answer && may_repeat && request.repeatable) {
    answer = co_await ask_once(request, may_repeat);
  }
  co_return answer;
}

net::Task<Rested<RestAnswer>> RestClient::ask_once(const RestRequest& request, bool& may_repeat) {
  net::ClientExchange call(pool_, identity_, limits(request));
  const Waits::One wait(waits_, call);
  const Limit limit(waits_.loop, call, request.timeout);
  begin(call, request);
  RestAnswer answer;
  std::string why;
  const auto note = [&](const Fault& fault) {
    why = fault.message;
    may_repeat = fault.retry == Fault::Retry::reused_only;
  };
  const auto went = co_await call.send(request.body);
  if (!went) {
    note(went.error());
  } else if (const auto head = co_await call.read_head(); !head) {
    note(head.error());
  } else {
    answer.status = (*head)->status;
    const auto body = co_await call.read_all(request.answer_bytes_max);
    if (body) co_return RestAnswer{answer.status, std::string(*body)};
    note(body.error());
    may_repeat = false;
  }
  if (waits_.stopped()) why = "the gateway is about to end";
  if (limit.is_over()) why = fmt::format("no answer within {} ms", request.timeout.count());
  RestFailure failure{shown(why), call.sent_upstream()};
  co_return std::unexpected(std::move(failure));
}

net::Task<Rested<RestAnswer>> RestClient::follow(RestRequest request, Line line) {
  net::ClientExchange call(pool_, identity_, limits(request));
  const Waits::One wait(waits_, call);
  begin(call, request);
  RestAnswer answer;
  std::string why;
  const auto went = co_await call.send(request.body);
  if (!went) {
    why = went.error().message;
  } else if (const auto head = co_await call.read_head(); !head) {
    why = head.error().message;
  } else if ((*head)->status != 200) {
    answer.status = (*head)->status;
    const auto body = co_await call.read_all(request.answer_bytes_max);
    if (body) answer.body = *body;
    co_return answer;
  } else {
    answer.status = 200;
    for (std::string held;;) {
      const auto piece = co_await call.read_some();
      if (!piece) why = piece.error().message;
      if (!piece) break;
      held += piece->empty() ? std::string_view("\n") : *piece;
      if (!take_lines(held, line) || piece->empty()) co_return answer;
    }
  }
  RestFailure failure{shown(why), call.sent_upstream()};
  co_return std::unexpected(std::move(failure));
}

std::string RestClient::shown(std::string_view text) const {
  const auto holds = [&](std::string_view secret) {
    return !secret.empty() && text.find(secret) != std::string_view::npos;
  };
  if (holds(options_.credential.second) || std::ranges::any_of(options_.secrets, holds)) {
    return "(its words are left out: they hold the credential)";
  }
  std::string out;
  for (const char c : text.substr(0, kShownBytesMax))
    out += c >= 0x20 && c < 0x7f ? c : '?';
  return out;
}

Result<Json> RestClient::object_of(const Rested<RestAnswer>& answer) const {
  if (!answer) return fail(answer.error().message);
  if (answer->status != 200) return fail(explain(*answer));
  return read_object(answer->body);
}

std::string RestClient::explain(const RestAnswer& answer) const {
  if (answer.status == 401 || answer.status == 403) {
    return fmt::format("it answered HTTP {}: check lightning.credential and what it permits",
                       answer.status);
  }
  return fmt::format("it answered HTTP {}: {}", answer.status, shown(answer.body));
}

}  // namespace satgate::node
