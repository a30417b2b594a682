// Follows one streamed chat completion: notes what it used, whether it ended as it should, and
// hides from the client what only the gateway asked for.
//
// The gateway asks every upstream for usage (ChatEdit::include_usage). If the client did not ask,
// the extra chunk with empty `choices` is hidden and `"usage"` members are cut out of the other
// chunks: clients that read choices[0] of every chunk would crash.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "contract/call.h"
#include "contract/refusal.h"

namespace satgate::dialect::openai {

class StreamFilter {
 public:
  enum class Action : uint8_t {
    forward,  // the event's own bytes
    hide,     // nothing
    replace,  // an event with `data` instead
  };
  struct Step {
    Action action = Action::forward;
    std::string_view data;  // replace: without "data: "; valid until the next event
  };

  StreamFilter(bool client_asked_usage, uint32_t choices);
  ~StreamFilter();
  StreamFilter(StreamFilter&&) noexcept;
  StreamFilter& operator=(StreamFilter&&) noexcept;

  // `data` is an event's data field, its lines joined, without a name.
  Step on_data(std::string_view data);

  bool done() const;                          // `[DONE]` was seen
  bool finished() const;                      // every choice gave its finish_reason
  bool failed() const;                        // the upstream sent an error event
  const std::optional<Usage>& usage() const;  // as reported; the largest, if more than once

  // Bytes of text, arguments and the like that arrived: no fewer than the visible output tokens.
  uint64_t output_bytes() const;

  // What to charge: the usage reported at the end, or an upper bound, which is never zero. Without
  // a final report the whole quoted output is charged, unless all choices finished and the model is
  // known to produce only visible tokens (`all_visible`): then output_bytes() bounds it too.
  Usage conservative_usage(uint64_t input_bytes, uint64_t output_tokens_bound,
                           bool all_visible) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A whole event ("data: {...}\n\n") that makes the official SDKs throw with the refusal's code,
// for a stream that must end early. Closing without it would look like success.
std::string stream_denial(const Denial& denial, const RequestId& request);
std::string stream_error(std::string_view code, std::string_view message, const RequestId& request);

}  // namespace satgate::dialect::openai
