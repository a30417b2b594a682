// Anthropic's Messages API (POST /v1/messages, POST /v1/messages/count_tokens).
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/body_reader.h"

namespace satgate::dialect::anthropic {

enum class Messages : uint8_t {
  create,
  count,  // nothing is generated: a bound may be absent
};

// What a message asks for, be it a call or one request of a batch.
std::expected<LlmRequest, BadRequest> read_message(simdjson::dom::object members,
                                                   Messages endpoint);

class MessagesReader final : public BodyReader {
 public:
  explicit MessagesReader(Messages endpoint) : endpoint_(endpoint) {}
  std::unique_ptr<LlmStream> follow(const LlmRequest& request) const override;

 private:
  std::expected<LlmRequest, BadRequest> read(simdjson::dom::object members) const override;
  // Lowers max_tokens if it is there; it never adds one.
  bool change(JsonText& body, const LlmEdit& edit, std::string& out) const override;
  std::optional<Usage> read_answer(simdjson::dom::element answer) const override;

  const Messages endpoint_;
};

}  // namespace satgate::dialect::anthropic
