// OpenAI's Responses API (POST /v1/responses).
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/llm.h"

namespace satgate::dialect::openai {

class ResponsesReader final : public LlmReader {
 public:
  ResponsesReader();
  ~ResponsesReader() override;

  std::expected<LlmRequest, BadRequest> peek(std::string_view body) override;
  [[nodiscard]] bool edit(std::string_view body, const LlmEdit& edit, std::string& out) override;
  // Nothing while the answer is still being made in the background, too.
  std::optional<Usage> usage(std::string_view answer) override;
  std::unique_ptr<LlmStream> follow(const LlmRequest& request) const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace satgate::dialect::openai
