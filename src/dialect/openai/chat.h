// Chat completions (POST /v1/chat/completions), and the older completions of a prompt (POST
// /v1/completions), which differ in few members.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/body_reader.h"

namespace satgate::dialect::openai {

enum class Completions : uint8_t { chat, legacy };

class ChatReader final : public BodyReader {
 public:
  explicit ChatReader(Completions kind = Completions::chat) : kind_(kind) {}
  std::unique_ptr<LlmStream> follow(const LlmRequest& request) const override;

 private:
  std::expected<LlmRequest, BadRequest> read(simdjson::dom::object members) const override;
  bool change(JsonText& body, const LlmEdit& edit, std::string& out) const override;
  std::optional<Usage> read_answer(simdjson::dom::element answer) const override;
  std::optional<uint64_t> count_input(std::string_view model,
                                      simdjson::dom::object members) const override;

  const Completions kind_;
};

}  // namespace satgate::dialect::openai
