// permits(): one function a caveat key, so that what each of them covers can be read at a glance.
#include <algorithm>

#include "base/text.h"
#include "token/endpoint.h"
#include "token/verifier.h"

namespace satgate::token {
namespace {

template <class Matches>
bool any_item(const Caveat& caveat, const Matches& matches) {
  return std::ranges::any_of(caveat.items, matches);
}

// A call without an endpoint has no path that begins with `/`, so no pattern matches it.
bool covers_endpoint(const Caveat& caveat, const Call& call) {
  return any_item(caveat, [&](const std::string& pattern) {
    return endpoint_matches(pattern, call.endpoint, call.query);
  });
}

bool covers_method(const Caveat& caveat, const Call& call) {
  if (call.method.empty()) return false;
  return any_item(caveat, [&](const std::string& method) { return method == call.method; });
}

bool names_tool(const Caveat& caveat, const Call& call) {
  return any_item(caveat, [&](const std::string& pattern) {
    return glob_match(pattern, call.tool) ||
           (!call.listed_tool.empty() && glob_match(pattern, call.listed_tool));
  });
}

bool covers_tool(const Caveat& caveat, const Call& call) {
  if (call.tool.empty()) return false;
  // A server is allowed as a whole only by its own name: `file*` must not open all of `files`.
  return names_tool(caveat, call) ||
         any_item(caveat, [&](const std::string& name) { return name == call.upstream; });
}

bool forbids_tool(const Caveat& caveat, const Call& call) {
  if (call.tool.empty()) return false;
  return names_tool(caveat, call) || any_item(caveat, [&](const std::string& pattern) {
           return glob_match(pattern, call.upstream);
         });
}

bool names_model(const Caveat& caveat, std::string_view model) {
  return any_item(caveat, [&](const std::string& pattern) { return glob_match(pattern, model); });
}

// Of a batch: all of them.
bool covers_model(const Caveat& caveat, const Call& call) {
  if (!call.batch.empty()) {
    return std::ranges::all_of(call.batch, [&](const BatchItem& item) {
      return !item.model.empty() && names_model(caveat, item.model);
    });
  }
  return !call.model.empty() && names_model(caveat, call.model);
}

bool covers_audience(const Caveat& caveat, std::span<const std::string> audiences) {
  if (audiences.empty()) return true;
  return any_item(caveat, [&](const std::string& audience) {
    return std::ranges::find(audiences, audience) != audiences.end();
  });
}

std::optional<Refusal> judge(const Caveat& caveat, const Call& call,
                             std::span<const std::string> audiences) {
  const auto unless = [](bool covered, Refusal refusal) {
    return covered ? std::nullopt : std::optional(refusal);
  };
  switch (caveat.key) {
    case CaveatKey::endpoints:
      return unless(covers_endpoint(caveat, call), Refusal::endpoint_denied);
    case CaveatKey::methods:
      return unless(covers_method(caveat, call), Refusal::endpoint_denied);
    case CaveatKey::upstream:
      return unless(caveat.items.front() == call.upstream, Refusal::endpoint_denied);
    case CaveatKey::tools:
      return unless(covers_tool(caveat, call), Refusal::tool_denied);
    case CaveatKey::tools_deny:
      return unless(!forbids_tool(caveat, call), Refusal::tool_denied);
    case CaveatKey::models:
      // Who may ask for a stored answer has no caveat that its maker had not.
      return unless(call.lists_models || call.asks_stored || covers_model(caveat, call),
                    Refusal::model_denied);
    case CaveatKey::audience:
      return unless(covers_audience(caveat, audiences), Refusal::audience_denied);
    // Judged elsewhere: judge_time, the ledger's accounts, the quote, the depth rule in verify().
    case CaveatKey::expires:
    case CaveatKey::budget_max:
    case CaveatKey::budget_hourly:
    case CaveatKey::budget_daily:
    case CaveatKey::budget_monthly:
    case CaveatKey::call_max:
    case CaveatKey::rate_limit:
    case CaveatKey::max_depth:
    // For people.
    case CaveatKey::holder:
    case CaveatKey::label:
    // Not a limit.
    case CaveatKey::preimage:
      return std::nullopt;
  }
  std::unreachable();
}

}  // namespace

std::optional<Refusal> permits(const VerifiedToken& token, const Call& call,
                               std::span<const std::string> audiences) {
  std::optional<Refusal> worst;
  for (const Caveat& caveat : token.chain().caveats) {
    const std::optional<Refusal> refusal = judge(caveat, call, audiences);
    if (refusal && (!worst || *refusal < *worst)) worst = refusal;
  }
  return worst;
}

}  // namespace satgate::token
