// What the readers of LLM requests share: a body is parsed once, edited where it was accepted, and
// the name of its model lives on. Private to the room.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/body.h"
#include "dialect/json_text.h"
#include "dialect/llm.h"

namespace satgate::dialect {

class BodyReader : public LlmReader {
 public:
  std::expected<LlmRequest, BadRequest> peek(std::string_view body) final;
  [[nodiscard]] bool edit(std::string_view body, const LlmEdit& edit, std::string& out) final;
  std::optional<uint64_t> exact_input_tokens(std::string_view body) final;
  std::optional<Usage> usage(std::string_view answer) final;
  std::string_view stored_id() const final { return stored_id_; }

 protected:
  // The request that the members make; peek() sees to it that there is a model.
  virtual std::expected<LlmRequest, BadRequest> read(simdjson::dom::object members) const = 0;
  // Edits an accepted body. False: its text cannot be walked.
  virtual bool change(JsonText& body, const LlmEdit& edit, std::string& out) const = 0;
  virtual std::optional<Usage> read_answer(simdjson::dom::element answer) const = 0;
  // Empty: the provider does not keep it.
  virtual std::string_view read_stored_id(simdjson::dom::element answer) const;
  // The tokens of an accepted body, where they are known.
  virtual std::optional<uint64_t> count_input(std::string_view model,
                                              simdjson::dom::object members) const;

 private:
  JsonText body_;
  JsonText answer_;  // apart, so that a request can still be edited after an answer was read
  std::string model_;
  std::string_view stored_id_;     // in answer_
  simdjson::dom::object members_;  // of the body, once it was accepted
  bool accepted_ = false;
};

}  // namespace satgate::dialect
