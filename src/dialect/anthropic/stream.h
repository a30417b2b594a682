// Follows one streamed message: notes what it used and whether it ended as it should. Every event
// passes as it is: usage is always in such a stream, and clients know it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "dialect/llm.h"

namespace satgate::dialect::anthropic {

class MessageStream final : public LlmStream {
 public:
  MessageStream();
  ~MessageStream() override;

  Step on_data(std::string_view data) override;
  bool complete() const override;  // message_stop or an error was seen
  std::string_view added_text() const override;
  uint64_t reported_output() const override;
  // Only once it is final: reported along with the reason why the message stopped.
  const std::optional<Usage>& usage() const override;
  // Without a final report the whole quoted output is charged, and of the input what the start of
  // the message said, or else all that was quoted.
  Usage conservative_usage(uint64_t input_bound, uint64_t output_bound,
                           bool all_visible) const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What ends a stream at max_tokens.
std::string stream_length_end(uint64_t output_tokens);

// A whole event ("event: error\ndata: {...}\n\n") that makes the official SDKs throw, for a stream
// that must end early. Closing without it would look like a cut.
std::string stream_error(std::string_view message, const RequestId& request);

}  // namespace satgate::dialect::anthropic
