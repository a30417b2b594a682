// OpenAI's Responses API (POST /v1/responses).
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/body_reader.h"

namespace satgate::dialect::openai {

class ResponsesReader final : public BodyReader {
 public:
  std::unique_ptr<LlmStream> follow(const LlmRequest& request) const override;

 private:
  std::expected<LlmRequest, BadRequest> read(simdjson::dom::object members) const override;
  bool change(JsonText& body, const LlmEdit& edit, std::string& out) const override;
  std::optional<Usage> read_answer(simdjson::dom::element answer) const override;
  std::string_view read_stored_id(simdjson::dom::element answer) const override;
};

}  // namespace satgate::dialect::openai
