#include "dialect/anthropic/stream.h"

#include <algorithm>

#include "dialect/anthropic/usage.h"
#include "dialect/denial.h"
#include "dialect/json_text.h"

namespace satgate::dialect::anthropic {
namespace {

namespace dom = simdjson::dom;

// The counts of `usage` in an event or in its message.
std::optional<Counts> counts_in(dom::element holder) {
  dom::element usage;
  if (holder.at_key("usage").get(usage)) return std::nullopt;
  return read_counts(usage);
}

bool is_final(dom::element event) {
  dom::element reason, output;
  return !event.at_pointer("/delta/stop_reason").get(reason) && reason.is_string() &&
         !event.at_pointer("/usage/output_tokens").get(output) && !output.is_null();
}

}  // namespace

struct MessageStream::State {
  bool complete = false;
  Counts counts;  // the largest of each so far: reports are running totals
  std::optional<Usage> final_usage;
  std::string added;
  JsonText json;

  void add(const Counts& more) { counts = larger(counts, more); }

  // No message has an empty input, but some servers say zero before they have counted.
  bool knows_input() const { return counts.usage().input > 0; }

  void read_delta(dom::element event) {
    const auto more = counts_in(event);
    if (!more) return;
    add(*more);
    if ((final_usage || is_final(event)) && knows_input()) final_usage = counts.usage();
  }

  // Text and arguments of tools; thinking may be told in a summary.
  void read_block(dom::element event) {
    for (const char* place : {"/delta/text", "/delta/partial_json"}) {
      std::string_view text;
      if (!event.at_pointer(place).get_string().get(text)) added = text;
    }
  }

  void read_start(dom::element event) {
    dom::element message;
    if (event.at_key("message").get(message)) return;
    if (const auto first = counts_in(message)) add(*first);
  }
};

MessageStream::MessageStream() : state_(std::make_unique<State>()) {}
MessageStream::~MessageStream() = default;

MessageStream::Step MessageStream::on_data(std::string_view data) {
  State& state = *state_;
  state.added.clear();
  const auto event = state.json.parse(data);
  std::string_view type;
  if (!event || event->at_key("type").get_string().get(type)) return {};
  if (type == "message_start") state.read_start(*event);
  if (type == "content_block_delta") state.read_block(*event);
  if (type == "message_delta") state.read_delta(*event);
  if (type != "message_stop" && type != "error") return {};
  state.complete = true;
  return {.ends = true};
}

std::string_view MessageStream::added_text() const {
  return state_->added;
}
uint64_t MessageStream::reported_output() const {
  return state_->final_usage ? 0 : state_->counts.usage().output;
}
bool MessageStream::complete() const {
  return state_->complete;
}
const std::optional<Usage>& MessageStream::usage() const {
  return state_->final_usage;
}

Usage MessageStream::conservative_usage(uint64_t input_bound, uint64_t output_bound,
                                        bool /*all_visible*/) const {
  if (state_->final_usage) return *state_->final_usage;
  Usage usage = state_->counts.usage();
  if (!state_->knows_input()) usage.input = input_bound;
  usage.output = std::max(usage.output, output_bound);
  return usage;
}

std::string stream_length_end(uint64_t output_tokens) {
  return "event: message_delta\ndata: "
         R"({"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},)"
         R"("usage":{"output_tokens":)" +
         std::to_string(output_tokens) +
         "}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
}

std::string stream_error(std::string_view message, const RequestId& request) {
  return "event: error\ndata: " + anthropic_error(502, message, request) + "\n\n";
}

}  // namespace satgate::dialect::anthropic
