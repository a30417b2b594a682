#include "dialect/denial.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace satgate::dialect {
namespace {

using nlohmann::json;

const RequestId kRequest{{0xab}};

Denial exhausted() {
  Denial denial;
  denial.refusal = Refusal::budget_exhausted;
  denial.message = "3 credits are left and this call needs 15";
  denial.remaining = Money::credits(3);
  denial.required = Money::credits(15);
  denial.cheapest_alternative = {Alternative::Kind::model, "gpt-4o-mini", Money::credits(1)};
  return denial;
}

TEST(Article, StructuredDenialOnPlainHttp) {
  EXPECT_EQ(http_denial(exhausted(), kRequest),
            R"({"error":"budget_exhausted","message":"3 credits are left and this call needs 15",)"
            R"("remaining_credits":3,"required_credits":15,)"
            R"("cheapest_alternative":{"model":"gpt-4o-mini","cost":1},)"
            R"("request_id":"ab000000000000000000000000000000"})");
}

TEST(Denials, NameTheApprovalInAllEnvelopes) {
  Denial denial;
  denial.refusal = Refusal::approval_required;
  denial.message = "A person must approve it";
  denial.approval_id = "00ff";
  EXPECT_EQ(json::parse(http_denial(denial, kRequest)).at("approval_id"), "00ff");
  EXPECT_EQ(json::parse(openai_denial(denial, kRequest)).at("error").at("approval_id"), "00ff");
  EXPECT_EQ(json::parse(anthropic_denial(403, denial, kRequest)).at("error").at("approval_id"),
            "00ff");
  EXPECT_EQ(http_denial(exhausted(), kRequest).find("approval_id"), std::string::npos);
}

TEST(Article, HourlyLimitOnOpenAiRoutes) {
  Denial denial;
  denial.refusal = Refusal::budget_exceeded;
  denial.message = "Hourly budget limit exceeded";
  denial.limit = Money::credits(50);
  denial.spent = Money::credits(50);
  denial.resets_at = parse_time("2024-04-07T19:00:00Z");
  const json error = json::parse(openai_denial(denial, kRequest)).at("error");
  EXPECT_EQ(error.at("type"), "budget_exceeded");
  EXPECT_EQ(error.at("code"), "budget_exceeded");
  EXPECT_EQ(error.at("message"), "Hourly budget limit exceeded");
  EXPECT_EQ(error.at("limit"), 50);
  EXPECT_EQ(error.at("spent"), 50);
  EXPECT_EQ(error.at("resets_at"), "2024-04-07T19:00:00Z");
  EXPECT_TRUE(error.at("param").is_null());
  EXPECT_FALSE(error.contains("cheapest_alternative"));
}

TEST(Envelopes, AResponseThatIsNotThereLooksAsOpenAiSaysIt) {
  Denial denial;
  denial.refusal = Refusal::answer_unknown;
  const json error = json::parse(openai_denial(denial, kRequest)).at("error");
  EXPECT_EQ(error.at("type"), "invalid_request_error");
  EXPECT_EQ(error.at("code"), "answer_unknown");
}

TEST(Envelopes, AnthropicHasTheTypeOfItsStatus) {
  for (const auto& [refusal, type] : std::initializer_list<std::pair<Refusal, const char*>>{
           {Refusal::token_missing, "authentication_error"},
           {Refusal::tool_denied, "permission_error"},
           {Refusal::price_unknown, "api_error"},
           {Refusal::budget_exhausted, "billing_error"},
           {Refusal::rate_limited, "rate_limit_error"},
           {Refusal::loop_detected, "rate_limit_error"},
           {Refusal::answer_unknown, "not_found_error"},
           {Refusal::answer_denied, "permission_error"},
       }) {
    Denial denial = exhausted();
    denial.refusal = refusal;
    const json body = json::parse(anthropic_denial(http_status(refusal), denial, kRequest));
    EXPECT_EQ(body.at("type"), "error");
    EXPECT_EQ(body.at("error").at("type"), type);
    EXPECT_EQ(body.at("error").at("code"), code(refusal));
    EXPECT_EQ(body.at("error").at("remaining_credits"), 3);
    EXPECT_EQ(body.at("request_id"), to_string(kRequest));
  }
}

TEST(Envelopes, AnthropicFollowsTheStatusThatIsSent) {
  Denial window = exhausted();
  window.refusal = Refusal::budget_exceeded;
  for (const auto& [status, type] : std::initializer_list<std::pair<int, const char*>>{
           {402, "billing_error"}, {429, "rate_limit_error"}}) {
    EXPECT_EQ(json::parse(anthropic_denial(status, window, kRequest)).at("error").at("type"), type);
  }
}

TEST(Envelopes, EveryRefusalGivesJsonInEachOfThem) {
  for (const Refusal refusal : kAllRefusals) {
    Denial denial = exhausted();
    denial.refusal = refusal;
    denial.message = "quote \" newline \n bad \xff";
    denial.retry_after_seconds = 5;
    EXPECT_EQ(json::parse(http_denial(denial, kRequest)).at("error"), code(refusal));
    EXPECT_EQ(json::parse(openai_denial(denial, kRequest)).at("error").at("code"), code(refusal));
    EXPECT_TRUE(json::accept(anthropic_denial(402, denial, kRequest)));
    EXPECT_EQ(openai_denial(denial, kRequest).find('\n'), std::string::npos) << "one SSE line";
  }
}

TEST(Envelopes, Errors) {
  EXPECT_EQ(json::parse(http_error("invalid_request", "no", kRequest)).at("error"),
            "invalid_request");
  const json client = json::parse(openai_error(400, "invalid_request", "no", kRequest));
  EXPECT_EQ(client.at("error").at("type"), "invalid_request_error");
  const json server = json::parse(openai_error(502, "upstream_failed", "no", kRequest));
  EXPECT_EQ(server.at("error").at("type"), "server_error");
  EXPECT_EQ(json::parse(anthropic_error(413, "no", kRequest)).at("error").at("type"),
            "request_too_large");
}

}  // namespace
}  // namespace satgate::dialect
