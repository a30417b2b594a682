// Anthropic's message batches (POST /v1/messages/batches): many messages in one request, each read
// as one by itself, and answered later.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/json_text.h"
#include "dialect/llm.h"

namespace satgate::dialect::anthropic {

class BatchReader final : public LlmReader {
 public:
  std::expected<LlmRequest, BadRequest> peek(std::string_view body) override;
  // As it is: what a request of a batch may cost, it says itself.
  [[nodiscard]] bool edit(std::string_view body, const LlmEdit& edit, std::string& out) override;
  // Nothing: a batch is accepted before anything of it was used.
  std::optional<Usage> usage(std::string_view answer) override;
  std::string_view stored_id() const override { return stored_id_; }
  std::unique_ptr<LlmStream> follow(const LlmRequest& request) const override;

 private:
  std::expected<void, BadRequest> read_requests(simdjson::dom::element value);
  std::expected<void, BadRequest> read_item(simdjson::dom::object members);
  std::expected<void, BadRequest> read_params(simdjson::dom::object params, BatchItem& item);
  bool add_sizes();
  bool has_twins();
  std::string_view common_model() const;

  JsonText body_, answer_;
  std::vector<BatchItem> items_;  // views into body_
  std::string_view unbounded_;
  std::string error_;
  std::string_view stored_id_;  // in answer_
  bool accepted_ = false;
};

// A batch as the provider describes it, but its results lie where the batch itself was asked for:
// at `path`. Clients follow `results_url`, and would take their token past the gateway. Nothing if
// it can not be read.
std::optional<std::string> with_results_at(std::string_view batch, std::string_view path);

}  // namespace satgate::dialect::anthropic
