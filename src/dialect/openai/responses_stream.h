// Follows one streamed response: notes what it used and whether it ended as it should. Every event
// passes as it is: usage is always in such a stream, and clients know it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/llm.h"

namespace satgate::dialect::openai {

class ResponsesStream final : public LlmStream {
 public:
  ResponsesStream();
  ~ResponsesStream() override;

  Step on_data(std::string_view data) override;
  // The response was said to be completed, incomplete or failed, or an error or `[DONE]` was seen.
  bool complete() const override;
  std::string_view stored_id() const override;
  std::string_view added_text() const override;
  uint64_t reported_output() const override;
  const std::optional<Usage>& usage() const override;  // only once it is final
  // Without a final report all that was quoted is charged: what a model reasons is not all in the
  // stream.
  Usage conservative_usage(uint64_t input_bound, uint64_t output_bound,
                           bool all_visible) const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A whole event ("event: error\ndata: {...}\n\n") that makes the official SDKs throw with `code`,
// for a stream that must end early. Closing without it would look like success.
std::string responses_stream_error(std::string_view code, std::string_view message);

}  // namespace satgate::dialect::openai
