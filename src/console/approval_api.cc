#include "console/approval_api.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "store/approval_book.h"

namespace satgate::console {
namespace {

using Undecided = store::ApprovalBook::Undecided;

constexpr size_t kReasonMax = 300;

// JSON has made sure that it is UTF-8.
bool is_sentence(std::string_view text) {
  const auto is_control = [](char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; };
  return text.size() <= kReasonMax && std::ranges::none_of(text, is_control);
}

std::unexpected<ApiError> undecided(Undecided why, std::string_view id) {
  switch (why) {
    case Undecided::unknown:
      return not_found(fmt::format("there is no approval '{}'; it may have expired", id));
    case Undecided::decided:
      return conflict(fmt::format("approval '{}' is decided already", id));
    case Undecided::failed:
      break;
  }
  return unavailable("the decision could not be written");
}

}  // namespace

Json approval_json(const Approval& one) {
  Json out = {{"id", to_string(one.id)},
              {"state", to_string(one.state)},
              {"subject", one.subject},
              {"token", to_string(one.token)},
              {"point", to_string(one.point)},
              {"server", one.server},
              {"tool", one.tool},
              {"quote", money_json(one.quote)},
              {"arguments_sha256", to_hex(as_bytes_view(one.arguments))},
              {"created", format_rfc3339(one.created)},
              {"expires", format_rfc3339(one.expires)}};
  if (!one.holder.empty()) out["holder"] = one.holder;
  if (!one.reason.empty()) out["reason"] = one.reason;
  if (one.state == ApprovalState::pending) out["arguments"] = one.shown;
  return out;
}

std::expected<Approval, ApiError> ApprovalApi::find(std::string_view id) const {
  const auto parsed = parse_id<ApprovalId>(id);
  const auto found = parsed ? gateway_.bank.approvals().find(*parsed) : std::nullopt;
  if (!found || found->expires <= gateway_.clock.now()) return undecided(Undecided::unknown, id);
  return *found;
}

Reply ApprovalApi::list() {
  Json out = Json::array();
  const Time now = gateway_.clock.now();
  for (const Approval& one : gateway_.bank.approvals().list())
    if (one.expires > now) out.push_back(approval_json(one));
  return out;
}

Reply ApprovalApi::show(std::string_view id) {
  TRY_ASSIGN(const Approval found, find(id));
  return approval_json(found);
}

std::expected<void, ApiError> ApprovalApi::note(const Approval& decided, std::string_view by) {
  const bool approved = decided.state == ApprovalState::approved;
  AuditEvent event;
  event.time = gateway_.clock.now();
  event.kind = approved ? EventKind::approve : EventKind::deny;
  event.subject = decided.subject;
  event.token = decided.token;
  event.quote = decided.quote;
  if (!decided.holder.empty()) event.holders.push_back(decided.holder);
  std::string detail = fmt::format("{} {} by {}: {} at {}", approved ? "approved" : "denied",
                                   to_string(decided.id), by, decided.tool, decided.server);
  if (!decided.reason.empty()) detail += fmt::format("; {}", decided.reason);
  event.detail = detail;
  if (auto written = gateway_.bank.record(event); !written) {
    return unavailable(written.error().reason);
  }
  return {};
}

Reply ApprovalApi::decide(std::string_view id, std::string_view verb, const Json& body) {
  Fields fields(body, gateway_.settings()->currency);
  TRY_ASSIGN(const std::string by, read_decider(fields));
  const std::string reason = fields.text("reason").value_or("");
  TRY(fields.finish());
  if (!is_sentence(reason)) {
    return bad_request(fmt::format("'reason' must be one line of at most {} bytes", kReasonMax));
  }
  TRY_ASSIGN(Approval found, find(id));
  const ApprovalState before = found.state;
  found.state = verb == "approve" ? ApprovalState::approved : ApprovalState::denied;
  found.reason = reason;
  const bool takes_back = before == ApprovalState::approved && found.state == ApprovalState::denied;
  if (before != ApprovalState::pending && !takes_back) return undecided(Undecided::decided, id);
  // The record first: a decision that nobody can find there is none.
  TRY(note(found, by));
  const Time now = gateway_.clock.now();
  const Time expires = later(now, gateway_.settings()->approvals.expires_seconds);
  const auto decided =
      gateway_.bank.approvals().decide(found.id, found.state, expires, found.reason);
  if (!decided) return undecided(decided.error(), id);
  return approval_json(*decided);
}

}  // namespace satgate::console
