// Embeddings (POST /v1/embeddings): the answer is numbers, and only the input is paid for.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/json_text.h"
#include "dialect/llm.h"

namespace satgate::dialect::openai {

class EmbeddingsReader final : public LlmReader {
 public:
  std::expected<LlmRequest, BadRequest> peek(std::string_view body) override;
  [[nodiscard]] bool edit(std::string_view body, const LlmEdit& edit, std::string& out) override;
  std::optional<Usage> usage(std::string_view answer) override;
  std::unique_ptr<LlmStream> follow(const LlmRequest& request) const override;

 private:
  JsonText json_;
  JsonText answer_;
  std::string model_;
};

}  // namespace satgate::dialect::openai
