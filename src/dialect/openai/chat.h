// Chat completions (POST /v1/chat/completions): what a request asks for as far as it decides about
// money, the few bytes that the gateway changes in it, and what a response used.
//
//   ChatReader reader;                      // one per connection or loop; buffers are reused
//   auto request = reader.peek(body);       // BadRequest: answer 400
//   reader.edit(body, {.output_tokens = 200, .include_usage = true}, forwarded);
//
// Members are found by their decoded names, so an escape hides nothing. A decisive member that
// appears twice, or in another case ("Max_Tokens"), is refused: upstreams disagree about which one
// counts. Everything that is not decisive passes through byte for byte.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "contract/call.h"

namespace satgate::dialect::openai {

struct BadRequest {
  std::string_view message;  // static: for the 400
};

struct ChatRequest {
  std::string_view model;  // decoded; lives in the reader until its next peek
  bool stream = false;
  bool include_usage = false;                     // the client asked for usage in the stream
  std::optional<uint64_t> max_tokens;             // legacy name
  std::optional<uint64_t> max_completion_tokens;  // current name
  uint32_t choices = 1;                           // n
  std::string_view service_tier;                  // as asked, one of a fixed set; empty when absent
  // The member that makes the price unbounded by the body's bytes ("image_url", "service_tier");
  // empty if none does. Goes into Call::unbounded. Static.
  std::string_view unbounded;

  // The most tokens of one choice, as asked: the larger of the two names.
  std::optional<uint64_t> output_tokens_max() const;
};

// What to change in the forwarded body.
struct ChatEdit {
  // Lowers every bound that is there to this, or adds `bound_name`. Unset: bounds stay.
  std::optional<uint64_t> output_tokens = {};
  // For upstreams that know only the legacy name: "max_tokens".
  std::string_view bound_name = "max_completion_tokens";
  bool include_usage = false;  // sets stream_options.include_usage to true
};

class ChatReader {
 public:
  ChatReader();
  ~ChatReader();
  ChatReader(ChatReader&&) noexcept;
  ChatReader& operator=(ChatReader&&) noexcept;

  std::expected<ChatRequest, BadRequest> peek(std::string_view body);

  // Writes the edited body to `out`, replacing its content. `body` must be one that peek accepted
  // last; false if it was not.
  [[nodiscard]] bool edit(std::string_view body, const ChatEdit& edit, std::string& out);

  // `usage` of a complete response body; nothing if it has none or is not JSON.
  std::optional<Usage> usage(std::string_view response_body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace satgate::dialect::openai
