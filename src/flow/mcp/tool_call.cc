#include "flow/mcp/tool_call.h"

#include <fmt/format.h>

#include "flow/respond.h"

namespace satgate::flow::mcp {

namespace dm = dialect::mcp;

ToolCall::ToolCall(const Settings& settings, Hub& hub, dm::RawJson& json, const Call& call,
                   const Credential& credential, const Request& request)
    : settings_(settings),
      hub_(hub),
      json_(json),
      call_(call),
      credential_(credential),
      request_(request) {}

// The id and `_meta` differ from call to call; the arguments are what the agent wants.
net::Task<bool> ToolCall::add_content(SipHash& fingerprint) {
  const std::string_view arguments = request_.arguments.empty() ? "{}" : request_.arguments;
  dm::each_compact_run(arguments, [&](std::string_view run) { fingerprint.update(run); });
  co_return true;
}

net::Task<flow::Outcome> ToolCall::forward(const Passing& passing) {
  passing_ = passing;
  CallRequest request;
  request.server = std::string(call_.upstream);
  request.tool = std::string(call_.tool);
  request.params = std::string(request_.params);
  auto answered = co_await hub_.call_tool(std::move(request));
  flow::Outcome outcome;
  outcome.http_status = 200;
  if (!answered) {
    outcome.http_status = answered.error().http_status;
    outcome.fault = std::move(answered.error());
    co_return outcome;
  }
  upstream_ = std::move(*answered);
  co_return outcome;
}

void ToolCall::write_fields(wire::HeadWriter& head) const {
  write_call_fields(head, call_, passing_, settled_, settings_.currency);
}

net::Task<> ToolCall::complete(const Settled& settled) {
  settled_ = settled;
  if (!upstream_.error.empty()) {
    dm::append_error(answer_, request_.id, upstream_.error);
    co_return;
  }
  std::optional<dm::Charge> charge;
  if (settled.cost) charge = dm::Charge{*settled.cost, settled.remaining, call_.id};
  std::string result;
  if (auto written =
          dm::append_charged_result(result, upstream_.result, charge, request_.era, json_);
      !written) {
    const dm::RpcError error{dm::kInternalError, written.error().message, {}, 200};
    dm::append_error(answer_, request_.id, error);
    co_return;
  }
  dm::append_result(answer_, request_.id, result);
}

net::Task<> ToolCall::refuse(const Denial& denial) {
  passing_.decision = Decision::deny;
  passing_.price = denial.required;
  passing_.remaining = denial.remaining;
  dm::append_denial(answer_, request_.id, denial, call_.id, settings_.mcp_denial, request_.era);
  if (settings_.mcp_denial == dm::DenialStyle::http) {
    http_status_ = denial_status(denial, Protocol::mcp, settings_);
  }
  co_return;
}

net::Task<> ToolCall::fail(const Fault& fault) {
  const std::string message = fmt::format("{}: {}", call_.upstream, fault.message);
  const dm::RpcError error{dm::kInternalError, message, {}, 200};
  dm::append_error(answer_, request_.id, error);
  co_return;
}

}  // namespace satgate::flow::mcp
