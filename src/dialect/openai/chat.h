// Chat completions (POST /v1/chat/completions), and the older completions of a prompt (POST
// /v1/completions), which differ in few members.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/llm.h"

namespace satgate::dialect::openai {

enum class Completions : uint8_t { chat, legacy };

class ChatReader final : public LlmReader {
 public:
  explicit ChatReader(Completions kind = Completions::chat);
  ~ChatReader() override;

  std::expected<LlmRequest, BadRequest> peek(std::string_view body) override;
  [[nodiscard]] bool edit(std::string_view body, const LlmEdit& edit, std::string& out) override;
  std::optional<Usage> usage(std::string_view answer) override;
  std::unique_ptr<LlmStream> follow(const LlmRequest& request) const override;

 private:
  const Completions kind_;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace satgate::dialect::openai
