#include "flow/pricer.h"

#include <fmt/format.h>

#include <utility>

#include "base/json_out.h"
#include "wire/url.h"

namespace satgate::flow {
namespace {

constexpr size_t kKeptMax = 4096;
constexpr size_t kAnswerBytesMax = 16 * 1024;
constexpr int64_t kPauseSeconds = 1;  // after no answer

std::string body_of(const PriceQuestion& question) {
  std::string body;
  JsonOut out(body);
  out.object().key("endpoint").string(question.call.endpoint);
  out.key("route").string(question.call.route).key("method").string(question.call.method);
  out.key("tool").string(question.call.tool).key("token").string(question.token);
  out.key("cost").money(question.cost).key("in_flight").integer(question.in_flight).end();
  return body;
}

}  // namespace

net::Task<std::optional<Money>> Pricer::ask(const tariff::PricerPolicy& policy,
                                            PriceQuestion question, const Currency& currency) {
  const Call& call = question.call;
  std::string like = fmt::format("{}\n{}\n{}\n{}\n{}", question.rule, call.method, call.endpoint,
                                 call.tool, question.token);
  const Time now = call.at;
  if (const auto found = kept_.find(like); found != kept_.end() && now < found->second.until) {
    co_return found->second.price;
  }
  const auto answer = co_await post(policy, body_of(question));
  Kept kept;
  if (answer) kept.price = read(*answer, currency);
  kept.until = later(now, kept.price ? policy.keep_seconds : kPauseSeconds);
  if (kept_.size() >= kKeptMax) kept_.clear();
  kept_.insert_or_assign(std::move(like), kept);
  co_return kept.price;
}

net::Task<std::optional<std::string>> Pricer::post(const tariff::PricerPolicy& policy,
                                                   std::string body) {
  const auto url = wire::parse_url(policy.url);
  if (!url) co_return std::nullopt;
  const net::UpstreamIdentity identity = net::identity_of(*url);
  const net::Milliseconds timeout(policy.timeout_ms);
  net::ClientOptions options;
  options.connect_timeout = options.between_bytes_timeout = timeout;
  net::ClientExchange asked(pool_, identity, options);
  net::Deadline deadline(
      pool_.loop(), [](void* exchange) { static_cast<net::ClientExchange*>(exchange)->cancel(); },
      &asked);
  deadline.arm(timeout);
  asked.request("POST", url->base_path.empty() ? "/" : url->base_path)
      .field("content-type", "application/json");
  const auto sent = co_await asked.send(body);
  if (!sent) co_return std::nullopt;
  const auto head = co_await asked.read_head();
  if (!head || (*head)->status != 200) co_return std::nullopt;
  const auto answer = co_await asked.read_all(kAnswerBytesMax);
  if (!answer) co_return std::nullopt;
  co_return std::string(*answer);
}

std::optional<Money> Pricer::read(std::string_view answer, const Currency& currency) {
  if (!json_.check(answer)) return std::nullopt;
  const auto members = json_.members(answer);
  if (!members) return std::nullopt;
  std::optional<Money> price;
  for (const dialect::mcp::RawMember& member : *members) {
    if (member.key != "cost") continue;
    std::string_view text = member.value;
    if (text.starts_with('"')) text = json_.unescape(text).value_or("");
    const Result<Money> amount = parse_amount(text, currency);
    if (amount) price = *amount;
  }
  json_.forget();
  return price;
}

}  // namespace satgate::flow
