#include "dialect/denial.h"

#include "base/time.h"

namespace satgate::dialect {
namespace {

std::string_view alternative_key(Alternative::Kind kind) {
  switch (kind) {
    case Alternative::Kind::model:
      return "model";
    case Alternative::Kind::tool:
      return "tool";
    case Alternative::Kind::endpoint:
      return "endpoint";
  }
  return "endpoint";
}

std::string_view anthropic_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 402:
      return "billing_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 504:
      return "timeout_error";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
}

void append_request_id(JsonOut& out, const RequestId& request) {
  out.key("request_id").string(to_string(request));
}

}  // namespace

void append_denial_members(JsonOut& out, const Denial& denial, const RequestId& request) {
  if (denial.offer) {
    out.key("amount_sats").integer(denial.offer->amount_sats);
    out.key("description").string(denial.offer->description);
    out.key("expires").string(format_rfc3339(denial.offer->expires));
  }
  if (denial.remaining) out.key("remaining_credits").money(*denial.remaining);
  if (denial.required) out.key("required_credits").money(*denial.required);
  if (denial.limit) out.key("limit").money(*denial.limit);
  if (denial.spent) out.key("spent").money(*denial.spent);
  if (denial.resets_at) out.key("resets_at").string(format_rfc3339(*denial.resets_at));
  if (denial.retry_after_seconds) {
    out.key("retry_after_seconds").integer(*denial.retry_after_seconds);
  }
  if (denial.cheapest_alternative) {
    const Alternative& other = *denial.cheapest_alternative;
    out.key("cheapest_alternative").object();
    out.member(alternative_key(other.kind)).string(other.name);
    out.key("cost").money(other.cost).end();
  }
  if (!denial.approval_id.empty()) out.key("approval_id").string(denial.approval_id);
  append_request_id(out, request);
}

std::string http_denial(const Denial& denial, const RequestId& request) {
  std::string body;
  JsonOut out(body);
  out.object().key("error").string(code(denial.refusal)).key("message").string(denial.message);
  append_denial_members(out, denial, request);
  out.end();
  return body;
}

std::string openai_denial(const Denial& denial, const RequestId& request) {
  std::string body;
  JsonOut out(body);
  out.object().key("error").object();
  // A response that is not there has no type of its own.
  const bool unknown = denial.refusal == Refusal::answer_unknown;
  out.key("type")
      .string(unknown ? "invalid_request_error" : code(denial.refusal))
      .key("message")
      .string(denial.message);
  out.key("code").string(code(denial.refusal)).key("param").null();
  append_denial_members(out, denial, request);
  out.end().end();
  return body;
}

std::string anthropic_denial(int status, const Denial& denial, const RequestId& request) {
  std::string body;
  JsonOut out(body);
  out.object().key("type").string("error").key("error").object();
  out.key("type").string(anthropic_type(status));
  out.key("message").string(denial.message).key("code").string(code(denial.refusal));
  append_denial_members(out, denial, request);
  out.end();
  append_request_id(out, request);
  out.end();
  return body;
}

std::string http_error(std::string_view code, std::string_view message, const RequestId& request) {
  std::string body;
  JsonOut out(body);
  out.object().key("error").string(code).key("message").string(message);
  append_request_id(out, request);
  out.end();
  return body;
}

std::string openai_error(int status, std::string_view code, std::string_view message,
                         const RequestId& request) {
  std::string body;
  JsonOut out(body);
  out.object().key("error").object();
  out.key("type").string(status < 500 ? "invalid_request_error" : "server_error");
  out.key("message").string(message).key("code").string(code).key("param").null();
  append_request_id(out, request);
  out.end().end();
  return body;
}

std::string anthropic_error(int status, std::string_view message, const RequestId& request) {
  std::string body;
  JsonOut out(body);
  out.object().key("type").string("error").key("error").object();
  out.key("type").string(anthropic_type(status)).key("message").string(message).end();
  append_request_id(out, request);
  out.end();
  return body;
}

}  // namespace satgate::dialect
