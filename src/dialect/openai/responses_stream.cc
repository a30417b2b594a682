#include "dialect/openai/responses_stream.h"

#include "base/json_out.h"
#include "base/text.h"
#include "dialect/body.h"
#include "dialect/json_text.h"
#include "dialect/openai/usage.h"

namespace satgate::dialect::openai {
namespace {

namespace dom = simdjson::dom;

bool is_final(std::string_view type) {
  return type == "response.completed" || type == "response.incomplete" || type == "response.failed";
}

// Events whose `delta` is text that is billed as such; summaries of reasoning are not.
bool is_output(std::string_view type) {
  return type == "response.output_text.delta" || type == "response.function_call_arguments.delta" ||
         type == "response.custom_tool_call_input.delta";
}

// Servers that are like OpenAI's may send an error without a type; clients throw at it, too.
bool is_error(dom::element event, std::string_view type) {
  dom::element error;
  if (!type.empty()) return type == "error";
  return !event.at_key("error").get(error) && !error.is_null();
}

}  // namespace

struct ResponsesStream::State {
  bool complete = false;
  std::optional<Usage> final_usage;
  std::string added;
  std::string id;
  JsonText json;

  // Every event that holds the response has it; the first comes before any text.
  void read_id(dom::element event) {
    dom::element response;
    if (id.empty() && !event.at_key("response").get(response)) id = id_of_answer(response);
  }

  void read_final(dom::element event) {
    dom::element response;
    if (event.at_key("response").get(response)) return;
    const auto usage = read_response(response);
    if (!usage) return;
    final_usage = final_usage ? larger(*final_usage, *usage) : *usage;
  }

  // Whether the answer ends with this.
  bool read(std::string_view data) {
    if (trim(data) == "[DONE]") return true;
    const auto event = json.parse(data);
    if (!event || !event->is_object()) return false;
    std::string_view type;
    if (event->at_key("type").get_string().get(type)) type = {};
    std::string_view delta;
    if (is_output(type) && !event->at_key("delta").get_string().get(delta)) added = delta;
    read_id(*event);
    if (is_final(type)) read_final(*event);
    return is_final(type) || is_error(*event, type);
  }
};

ResponsesStream::ResponsesStream() : state_(std::make_unique<State>()) {}
ResponsesStream::~ResponsesStream() = default;

ResponsesStream::Step ResponsesStream::on_data(std::string_view data) {
  state_->added.clear();
  if (!state_->read(data)) return {};
  state_->complete = true;
  return {.ends = true};
}

std::string_view ResponsesStream::stored_id() const {
  return state_->id;
}
std::string_view ResponsesStream::added_text() const {
  return state_->added;
}
uint64_t ResponsesStream::reported_output() const {
  return 0;
}
bool ResponsesStream::complete() const {
  return state_->complete;
}
const std::optional<Usage>& ResponsesStream::usage() const {
  return state_->final_usage;
}

Usage ResponsesStream::conservative_usage(uint64_t input_bound, uint64_t output_bound,
                                          bool /*all_visible*/) const {
  if (state_->final_usage) return *state_->final_usage;
  return {.input = input_bound, .output = output_bound};
}

std::string responses_stream_error(std::string_view code, std::string_view message) {
  std::string event = "event: error\ndata: ";
  JsonOut out(event);
  out.object().key("type").string("error").key("code").string(code);
  out.key("message").string(message).key("param").null().key("sequence_number").integer(0).end();
  return event + "\n\n";
}

}  // namespace satgate::dialect::openai
