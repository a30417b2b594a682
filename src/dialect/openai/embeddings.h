// Embeddings (POST /v1/embeddings): the answer is numbers, and only the input is paid for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/body_reader.h"

namespace satgate::dialect::openai {

class EmbeddingsReader final : public BodyReader {
 public:
  std::unique_ptr<LlmStream> follow(const LlmRequest& request) const override;

 private:
  std::expected<LlmRequest, BadRequest> read(simdjson::dom::object members) const override;
  bool change(JsonText& body, const LlmEdit& edit, std::string& out) const override;
  std::optional<Usage> read_answer(simdjson::dom::element answer) const override;
  std::optional<uint64_t> count_input(std::string_view model,
                                      simdjson::dom::object members) const override;
};

}  // namespace satgate::dialect::openai
