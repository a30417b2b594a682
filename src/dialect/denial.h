// How a refusal is said. One set of keys (CONTRACT.md, "Denials") in three envelopes and, for MCP,
// as bare members of `_meta`. Money is printed in credits, times in RFC 3339.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/json_out.h"
#include "contract/refusal.h"

namespace satgate::dialect {

// remaining_credits, required_credits, limit, spent, resets_at, retry_after_seconds,
// cheapest_alternative and approval_id, as far as set, then request_id. Into an open object.
void append_denial_members(JsonOut& out, const Denial& denial, const RequestId& request);

// {"error":"budget_exhausted","message":...,"remaining_credits":3,...}: plain HTTP routes.
std::string http_denial(const Denial& denial, const RequestId& request);

// {"error":{"type":"budget_exceeded","message":...,"limit":50,...,"code":"budget_exceeded",
// "param":null}}: OpenAI routes. The official SDKs keep only what is inside `error`.
std::string openai_denial(const Denial& denial, const RequestId& request);

// {"type":"error","error":{"type":"billing_error","message":...,"code":...},"request_id":...}: the
// type that belongs to the HTTP status.
std::string anthropic_denial(int status, const Denial& denial, const RequestId& request);

// The same three envelopes for what is no decision: a request that cannot be read (400) or an
// upstream that failed. `code` is a word like "invalid_request" or "upstream_failed".
std::string http_error(std::string_view code, std::string_view message, const RequestId& request);
std::string openai_error(int status, std::string_view code, std::string_view message,
                         const RequestId& request);
std::string anthropic_error(int status, std::string_view message, const RequestId& request);

}  // namespace satgate::dialect
