// What the gateway needs of an LLM API, whoever speaks it: what a request asks for as far as that
// decides about money, the few bytes that are changed in it, and what an answer used.
//
//   auto reader = ...;                              // one per call; buffers are reused
//   auto request = reader->peek(body);              // BadRequest: answer 400
//   reader->edit(body, {.output_tokens = 200}, forwarded);
//   reader->usage(answer), or reader->follow(*request) for a stream
//
// Everything that does not decide passes through byte for byte.
#pragma once

#include <algorithm>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "contract/call.h"

namespace satgate::dialect {

struct BadRequest {
  std::string_view message;  // for the 400; static, or lives in the reader until its next peek
};

struct LlmRequest {
  std::string_view model;  // decoded; lives in the reader until its next peek
  bool stream = false;
  bool include_usage = false;                 // the client asked for usage in an OpenAI stream
  std::optional<uint64_t> output_tokens_max;  // of one choice, as asked
  uint32_t choices = 1;
  // Tokens that the provider adds to the input, at most: they are not among the body's bytes.
  uint64_t hidden_input_tokens = 0;
  // False: the provider keeps nothing of the input for later, and bills no write of it.
  bool may_write_cache = true;
  // Part of the input lies at the provider: only the model's context bounds it.
  bool whole_context = false;
  std::optional<ServiceTier> tier = {};  // nothing: the provider chooses
  BilledUnit unit = BilledUnit::token;   // and how many of them, where it is another
  uint64_t units = 0;
  // The member that makes the price unbounded by the body's bytes ("image_url", "service_tier");
  // empty if none does. Goes into Call::unbounded. Static.
  std::string_view unbounded;
  // The id of an answer at the provider that this one goes on from; lives as `model` does.
  std::string_view stored_id = {};
  // A batch: its requests; live as `model` does, which is theirs if it is the same of all.
  std::span<const BatchItem> batch = {};
};

// What to change in the forwarded body.
struct LlmEdit {
  std::string_view model = {};  // in place of the one that is there; empty: as it is
  // Lowers every bound that is there to this, or adds one. Unset: bounds stay.
  std::optional<uint64_t> output_tokens = {};
  // Chat: the name of a bound that is added. Some upstreams know only the legacy one, "max_tokens".
  std::string_view bound_name = "max_completion_tokens";
  bool include_usage = false;  // asks an OpenAI upstream for usage in the stream
};

// The larger of each count: a provider may repeat a running total.
inline Usage larger(const Usage& a, const Usage& b) {
  return {.input = std::max(a.input, b.input),
          .cached_input = std::max(a.cached_input, b.cached_input),
          .cache_write = std::max(a.cache_write, b.cache_write),
          .output = std::max(a.output, b.output),
          .reasoning = std::max(a.reasoning, b.reasoning),
          .cache_write_1h = std::max(a.cache_write_1h, b.cache_write_1h),
          .tier = std::max(a.tier, b.tier)};
}

// Follows one streamed answer.
class LlmStream {
 public:
  enum class Action : uint8_t {
    forward,  // the event's own bytes
    hide,     // nothing
    replace,  // an event with `data` instead
  };
  struct Step {
    Action action = Action::forward;
    // The answer ends with this event: it and all after it are kept back until the call is settled.
    bool ends = false;
    std::string_view data = {};  // replace: without "data: "; valid until the next event
  };

  virtual ~LlmStream() = default;

  // `data` is an event's data field, its lines joined. The kind of an event is read from there,
  // too: clients do.
  virtual Step on_data(std::string_view data) = 0;
  // The answer came to an end that its API knows, be it an error. Else it was cut.
  virtual bool complete() const = 0;
  // As reported so far, and whether that is all of it.
  virtual const std::optional<Usage>& usage() const = 0;
  // The text that the last event added to the only answer, as far as all of it is billed as output.
  virtual std::string_view added_text() const = 0;
  // Tokens of output that the provider has reported while the answer still goes on; else 0.
  virtual uint64_t reported_output() const = 0;
  // The id under which the provider keeps the answer, once it is known.
  virtual std::string_view stored_id() const { return {}; }
  // What to charge: the usage reported at the end, or an upper bound, which is never zero.
  // `all_visible`: every output token of this model is in the answer's text.
  virtual Usage conservative_usage(uint64_t input_bound, uint64_t output_bound,
                                   bool all_visible) const = 0;
};

class LlmReader {
 public:
  virtual ~LlmReader() = default;

  virtual std::expected<LlmRequest, BadRequest> peek(std::string_view body) = 0;
  // Writes the edited body to `out`, replacing its content. `body` must be one that peek accepted
  // last; false if it was not.
  [[nodiscard]] virtual bool edit(std::string_view body, const LlmEdit& edit, std::string& out) = 0;
  // How many tokens of input the provider bills at most, where that is known better than by the
  // body's bytes; nothing where it is not. Of OpenAI's own models only: whether the upstream serves
  // those is not for a reader to know. `body` must be one that peek accepted last. Takes some 15 ns
  // a byte of prose, and 400 of what an agent may make up: callers bound the size.
  virtual std::optional<uint64_t> exact_input_tokens(std::string_view body);
  // `usage` of a complete answer; nothing if it has none or is not JSON.
  virtual std::optional<Usage> usage(std::string_view answer) = 0;
  // Under which id the provider keeps the answer that usage() read last; empty: it does not.
  virtual std::string_view stored_id() const { return {}; }
  virtual std::unique_ptr<LlmStream> follow(const LlmRequest& request) const = 0;
};

inline std::optional<uint64_t> LlmReader::exact_input_tokens(std::string_view /*body*/) {
  return std::nullopt;
}

}  // namespace satgate::dialect
