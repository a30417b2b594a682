// The part of a GovernedCall that deals with what its server answered: how large it is, whether it
// may be given again, and how that is told.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/crypto.h"
#include "base/json_out.h"
#include "flow/mcp/governed_call.h"
#include "payment/mpp_json.h"

namespace satgate::flow::mcp {

namespace dm = dialect::mcp;

namespace {

// Of larger arguments a digest costs more than it is likely to save.
constexpr size_t kParamsBytesMax = 1024 * 1024;

// Says how the call travels, and nothing about what is asked.
bool says_nothing_of_the_answer(std::string_view meta) {
  constexpr std::array<std::string_view, 4> names = {"progressToken", "traceparent", "tracestate",
                                                     "baggage"};
  return meta.starts_with("io.modelcontextprotocol/") || meta.starts_with("io.satgate/") ||
         std::ranges::find(names, meta) != names.end();
}

// Each part behind its length, so that no two calls run into the same text.
void add_part(Sha256& digest, std::string_view part) {
  const uint64_t size = part.size();
  digest.update({reinterpret_cast<const char*>(&size), sizeof size}).update(part);
}

// A result that says no clear word about errors is not kept either.
bool is_plain_result(std::string_view result, dm::RawJson& json) {
  const auto members = json.members(result);
  return members && std::ranges::all_of(*members, [](const dm::RawMember& member) {
           return member.key != "isError" || member.value == "false";
         });
}

}  // namespace

// A call that says more than which tool, with which arguments, may be answered otherwise.
bool GovernedCall::may_be_kept() {
  if (intent_.method != "tools/call" || intent_.params.size() > kParamsBytesMax) return false;
  dm::RawJson& json = worker_.json;
  const auto members = json.members(intent_.params);
  bool plain = members.has_value();
  for (size_t i = 0; plain && i < members->size(); ++i) {
    const dm::RawMember& member = (*members)[i];
    if (member.key == "name" || member.key == "arguments") continue;
    const auto meta = json.members(member.value);
    plain = member.key == "_meta" && meta &&
            std::ranges::all_of(*meta, says_nothing_of_the_answer, &dm::RawMember::key);
  }
  json.forget();
  return plain;
}

std::optional<Money> GovernedCall::find_cached(const CacheSearch& search) {
  if (!may_be_kept()) return std::nullopt;
  const std::string arguments = content();
  Sha256 digest;
  const auto& [field, secret] = intent_.client.credential;
  for (const std::string_view part : std::initializer_list<std::string_view>{
           "mcp", search.scope, call_.upstream, call_.tool, field, secret, arguments})
    add_part(digest, part);
  keep_as_ = digest.finish();
  cached_ = worker_.gateway.answers.find(*keep_as_, search.ttl, worker_.loop.now());
  return cached_ ? std::optional(cached_->cost) : std::nullopt;
}

// What came of a server that asked its client is for that client alone.
void GovernedCall::keep_answer(const Settled& settled) {
  if (!keep_as_ || cached_ || withheld_ || asks_ > 0 || !settled.cost) return;
  const CacheRules rules = settings().cache_rules();
  const bool fits = upstream_.result.size() <= rules.answer_bytes_max;
  const bool plain = fits && is_plain_result(upstream_.result, worker_.json);
  worker_.json.forget();
  if (!plain) return;
  auto kept = std::make_shared<CachedAnswer>();
  kept->content_type = "application/json";
  kept->body = std::move(upstream_.result);
  kept->cost = *settled.cost;
  kept->made = worker_.loop.now();
  worker_.gateway.answers.put(*keep_as_, std::move(kept), rules.bytes_max);
}

dm::Charge GovernedCall::charge_of(Money cost) const {
  dm::Charge charge{cost, settled_.remaining, call_.id};
  charge.withheld = withheld_;
  if (!receipt_.empty()) charge.receipt = payment::payment_receipt_json(receipt_).value_or("");
  if (cached_) {
    using Seconds = std::chrono::seconds;
    const auto age = std::chrono::floor<Seconds>(worker_.loop.now() - cached_->made);
    charge.cache_age_seconds = std::max<int64_t>(0, age.count());
  }
  return charge;
}

Usage GovernedCall::measure(const Passing& passing) {
  Usage usage;
  usage.asks = asks_;
  if (!passing.result_bytes) return usage;
  usage.result_bytes = upstream_.result.size() + upstream_.error.size();
  const bool too_large = usage.result_bytes > *passing.result_bytes;
  if (too_large && call_.mode != Mode::observe) withhold(usage.result_bytes, *passing.result_bytes);
  return usage;
}

// Handed on, it would be more than was paid for; a part of it might say another thing.
void GovernedCall::withhold(uint64_t bytes, uint64_t most) {
  withheld_ = true;
  const std::string why = fmt::format(
      "The answer has {} bytes, more than the {} that the price of {} covers, so it was not handed "
      "on. The call was charged. Ask for less.",
      bytes, most, call_.listed_tool);
  upstream_ = {};
  if (intent_.method != "tools/call") {
    upstream_.error = dm::error_object({dm::kInternalError, why});
    return;
  }
  JsonOut json(upstream_.result);
  json.object().key("content").array().object();
  json.key("type").string("text").key("text").string(why).end().end_array();
  json.key("isError").boolean(true).end();
}

}  // namespace satgate::flow::mcp
