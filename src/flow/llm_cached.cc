// The part of an LlmCall that deals with the response cache: which request is the same as another,
// which answer may be kept, and how one is given again.
#include <algorithm>
#include <array>
#include <chrono>

#include "base/text.h"
#include "flow/credential.h"
#include "flow/llm_call.h"
#include "flow/respond.h"

namespace satgate::flow {
namespace {

// Of a longer one a digest costs more than it is likely to save.
constexpr size_t kBodyBytesMax = 1024 * 1024;

// Fields that say who asks, or how the answer travels, and nothing about what it is. Any other may
// change it at some server, and an answer must not be given to who would have had another one.
bool says_nothing_of_the_answer(std::string_view field) {
  constexpr std::array<std::string_view, 12> names = {
      "host",          "user-agent", "accept",          "accept-encoding",
      "cache-control", "pragma",     "connection",      "content-length",
      "traceparent",   "tracestate", "idempotency-key", "content-type"};
  const auto is_field = [&](std::string_view name) { return equals_ignore_case(field, name); };
  constexpr std::string_view sdk = "x-stainless-";
  return std::ranges::any_of(names, is_field) || is_credential_field(field) ||
         is_gateway_field(field) || equals_ignore_case(field.substr(0, sdk.size()), sdk);
}

// Each part behind its length, so that no two requests run into the same text.
void add_part(Sha256& digest, std::string_view part) {
  const uint64_t size = part.size();
  digest.update({reinterpret_cast<const char*>(&size), sizeof size}).update(part);
}

bool says(const wire::Fields& fields, std::string_view directive) {
  for (const wire::Field& field : fields) {
    if (!equals_ignore_case(field.name, "cache-control")) continue;
    for (const std::string_view one : split(field.value, ',')) {
      if (equals_ignore_case(one, directive)) return true;
    }
  }
  return false;
}

}  // namespace

Hash256 LlmCall::cache_key(std::string_view scope) const {
  Sha256 digest;
  for (const std::string_view part :
       {scope, call_.upstream, call_.model, call_.endpoint, call_.query, body_})
    add_part(digest, part);
  for (const wire::Field& field : http_.request().fields) {
    if (says_nothing_of_the_answer(field.name)) continue;
    add_part(digest, lowercase(field.name));
    add_part(digest, field.value);
  }
  return digest.finish();
}

std::optional<Money> LlmCall::find_cached(const CacheSearch& search) {
  const CacheRules& rules = *settings_.cache;
  const wire::Fields& fields = http_.request().fields;
  // What lies at the provider may have changed, counting is free, and a batch is no answer yet.
  const bool suits = rules.covers(call_.upstream) && !request_.whole_context && !is_free() &&
                     request_.batch.empty() && body_.size() <= kBodyBytesMax &&
                     !says(fields, "no-store");
  if (!suits) return std::nullopt;
  keep_as_ = cache_key(search.scope);
  if (says(fields, "no-cache")) return std::nullopt;
  cached_ = worker_.gateway.answers.find(*keep_as_, search.ttl, worker_.loop.now());
  return cached_ ? std::optional(cached_->cost) : std::nullopt;
}

// A clamped answer is shorter than what was asked for; one without usage may not be whole.
void LlmCall::keep_answer(const Settled& settled) {
  if (!keep_as_ || cached_ || passing_.clamped || !settled.cost) return;
  const std::string_view end = http_.response_started() ? std::string_view(tail_) : answer_;
  const CacheRules& rules = *settings_.cache;
  if (sent_.size() + end.size() > rules.answer_bytes_max) return;
  auto kept = std::make_shared<CachedAnswer>();
  kept->content_type = head_->fields.find("content-type").value_or("application/json");
  kept->body = std::move(sent_).append(end);
  kept->cost = *settled.cost;
  kept->made = worker_.loop.now();
  kept->stored_id = stored_id_;
  worker_.gateway.answers.put(*keep_as_, std::move(kept), rules.bytes_max);
}

net::Task<> LlmCall::replay(const Settled& settled) {
  const auto age = std::chrono::floor<std::chrono::seconds>(worker_.loop.now() - cached_->made);
  wire::HeadWriter& writer = http_.response(200);
  writer.field("content-type", cached_->content_type);
  writer.field("age", static_cast<uint64_t>(std::max<int64_t>(0, age.count())));
  writer.field("x-satgate-cache", "hit");
  write_call_fields(writer, call_, passing_, settled, settings_.currency);
  write_receipt(writer, 200, passing_);
  (void)co_await http_.send(cached_->body);
}

}  // namespace satgate::flow
