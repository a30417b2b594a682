// Anthropic's Messages API (POST /v1/messages, POST /v1/messages/count_tokens).
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/llm.h"

namespace satgate::dialect::anthropic {

enum class Messages : uint8_t {
  create,
  count,  // nothing is generated: a bound may be absent
};

class MessagesReader final : public LlmReader {
 public:
  explicit MessagesReader(Messages endpoint);
  ~MessagesReader() override;

  std::expected<LlmRequest, BadRequest> peek(std::string_view body) override;
  // Lowers max_tokens if it is there; it never adds one.
  [[nodiscard]] bool edit(std::string_view body, const LlmEdit& edit, std::string& out) override;
  std::optional<Usage> usage(std::string_view answer) override;
  std::unique_ptr<LlmStream> follow(const LlmRequest& request) const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace satgate::dialect::anthropic
