// A call that is answered at once: what is left of an exchange is the decision.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "flow/exchange.h"
#include "inside/must.h"

namespace satgate::bench {

class Answered final : public flow::Conversation {
 public:
  Answered(Time now, std::string_view token, std::shared_ptr<const flow::Settings> settings)
      : settings_(std::move(settings)), credential_{flow::Credential::Kind::token, token} {
    call_.at = now;
    call_.route = "answers";
    call_.upstream = "answers";
    call_.method = "POST";
    call_.endpoint = "/api/answer";
    call_.input_bytes = 1024;
  }

  void use_token(std::string_view token) { credential_.text = token; }
  const Call& call() const override { return call_; }
  const flow::Settings& settings() const override { return *settings_; }
  flow::Credential credential() const override { return credential_; }
  net::Task<bool> add_content(SipHash&) override { co_return true; }
  net::Task<flow::Outcome> forward(const flow::Passing&) override {
    flow::Outcome outcome;
    outcome.http_status = 200;
    co_return outcome;
  }
  net::Task<> complete(const flow::Settled&) override { co_return; }
  net::Task<> refuse(const Denial& denial) override {
    std::fprintf(stderr, "refused: %s\n", denial.message.c_str());
    std::exit(2);
  }
  net::Task<> fail(const Fault& fault) override {
    std::fprintf(stderr, "failed: %s\n", fault.message.c_str());
    std::exit(2);
  }

 private:
  Call call_;
  std::shared_ptr<const flow::Settings> settings_;
  flow::Credential credential_;
};

// One price, for the endpoint above.
inline flow::Settings answered_settings() {
  tariff::Policy policy;
  policy.endpoints["/api/answer"] = {Money::nano(1'000)};
  policy.endpoints["/api/*"] = {Money::nano(2'000)};
  flow::Settings made;
  made.tariff = must(tariff::Tariff::create(std::move(policy)));
  return made;
}

}  // namespace satgate::bench
