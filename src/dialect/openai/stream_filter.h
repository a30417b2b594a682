// Follows one streamed chat completion: notes what it used, whether it ended as it should, and
// hides from the client what only the gateway asked for.
//
// The gateway asks every upstream for usage (LlmEdit::include_usage). If the client did not ask,
// the extra chunk with empty `choices` is hidden and `"usage"` members are cut out of the other
// chunks: clients that read choices[0] of every chunk would crash.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "dialect/llm.h"

namespace satgate::dialect::openai {

class StreamFilter final : public LlmStream {
 public:
  StreamFilter(bool client_asked_usage, uint32_t choices);
  ~StreamFilter() override;

  Step on_data(std::string_view data) override;
  // `[DONE]` was seen, or every choice gave its finish_reason, or the upstream said an error.
  bool complete() const override;
  const std::optional<Usage>& usage() const override;  // the largest, if more than once
  std::string_view added_text() const override;
  uint64_t reported_output() const override;
  // Without a final report the whole quoted output is charged, unless all choices finished and all
  // is visible: then output_bytes() bounds it too.
  Usage conservative_usage(uint64_t input_bound, uint64_t output_bound,
                           bool all_visible) const override;

  bool done() const;      // `[DONE]` was seen
  bool finished() const;  // every choice gave its finish_reason
  bool failed() const;    // the upstream sent an error event
  // Bytes of text, arguments and the like that arrived: no fewer than the visible output tokens.
  uint64_t output_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What ends a stream of so many answers at their longest.
std::string stream_length_end(uint32_t choices);

// A whole event ("data: {...}\n\n") that makes the official SDKs throw with the code, for a stream
// that must end early. Closing without it would look like success.
std::string stream_error(std::string_view code, std::string_view message, const RequestId& request);

}  // namespace satgate::dialect::openai
