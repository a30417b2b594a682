// What OpenAI bills by the piece and not by tokens: pictures (POST /v1/images/generations) and
// speech (POST /v1/audio/speech). They are counted in the request.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "dialect/body_reader.h"

namespace satgate::dialect::openai {

class UnitsReader final : public BodyReader {
 public:
  // REQUIRES: image or character.
  explicit UnitsReader(BilledUnit unit) : unit_(unit) {}
  std::unique_ptr<LlmStream> follow(const LlmRequest& request) const override;

 private:
  std::expected<LlmRequest, BadRequest> read(simdjson::dom::object members) const override;
  bool change(JsonText& body, const LlmEdit& edit, std::string& out) const override;
  std::optional<Usage> read_answer(simdjson::dom::element answer) const override;

  const BilledUnit unit_;
};

}  // namespace satgate::dialect::openai
