#include "dialect/openai/stream_filter.h"

#include <algorithm>
#include <bitset>

#include "base/text.h"
#include "dialect/denial.h"
#include "dialect/json_text.h"
#include "dialect/openai/usage.h"

namespace satgate::dialect::openai {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kChoicesMax = 128;
// Tokens that frame an answer or a call of a tool without being text of it.
constexpr uint64_t kFramingTokens = 16;

// Bytes of all strings below `element`; deeper than any real chunk, its whole text counts.
uint64_t string_bytes(dom::element element, int depth, uint64_t whole) {
  if (depth == 0) return whole;
  uint64_t sum = 0;
  std::string_view text;
  dom::array items;
  dom::object members;
  if (!element.get_string().get(text)) return text.size();
  if (!element.get_array().get(items)) {
    for (const dom::element item : items)
      sum += string_bytes(item, depth - 1, whole);
  } else if (!element.get_object().get(members)) {
    for (const auto [key, value] : members)
      sum += string_bytes(value, depth - 1, whole);
  }
  return std::min(sum, whole);
}

// The place of a member from its name's quote to the end of its value.
struct Span {
  size_t begin = 0, end = 0;
};

// The only `usage` at the top; nothing if there is none or more than one.
std::optional<Span> find_usage(JsonText& json) {
  simdjson::ondemand::document document;
  simdjson::ondemand::object root;
  if (json.walk().get(document) || document.get_object().get(root)) return std::nullopt;
  std::optional<Span> found;
  for (auto field : root) {
    simdjson::ondemand::raw_json_string raw_key;
    std::string_view key;
    if (field.key().get(raw_key) || field.unescaped_key().get(key)) return std::nullopt;
    if (key != "usage") continue;
    if (found) return std::nullopt;
    simdjson::ondemand::value value;
    if (field.value().get(value)) return std::nullopt;
    std::string_view token = trim_token(value.raw_json_token());
    if (token.starts_with('{')) {
      simdjson::ondemand::object object;
      if (value.get_object().get(object) || object.raw_json().get(token)) return std::nullopt;
      token = trim_token(token);
    } else if (token.starts_with('[')) {
      return std::nullopt;
    }
    const size_t quote = json.place(std::string_view(raw_key.raw(), 1)) - 1;
    found = Span{quote, json.place(token) + token.size()};
  }
  return found;
}

// The text without the member and without one comma next to it.
void cut(std::string_view text, Span span, std::string& out) {
  constexpr std::string_view space = " \t\r\n";
  const size_t after = text.find_first_not_of(space, span.end);
  const size_t before = text.find_last_not_of(space, span.begin - 1);
  if (after != text.npos && text[after] == ',') {
    span.end = after + 1;
  } else if (before != text.npos && text[before] == ',') {
    span.begin = before;
  }
  out.assign(text.substr(0, span.begin));
  out.append(text.substr(span.end));
}

void append_text(dom::object object, std::string_view name, std::string& out) {
  std::string_view text;
  if (!object.at_key(name).get_string().get(text)) out += text;
}

// What a choice says, or hands to a tool.
void append_added(dom::object choice, std::string& out) {
  append_text(choice, "text", out);
  dom::object delta;
  if (choice.at_key("delta").get_object().get(delta)) return;
  append_text(delta, "content", out);
  dom::array calls;
  if (delta.at_key("tool_calls").get_array().get(calls)) return;
  for (const dom::element call : calls) {
    dom::object function;
    if (!call.at_pointer("/function").get_object().get(function)) {
      append_text(function, "arguments", out);
    }
  }
}

}  // namespace

struct StreamFilter::State {
  bool client_asked_usage = false;
  size_t choices = 1;
  bool done = false, failed = false;
  std::bitset<kChoicesMax> finished;
  std::optional<Usage> usage;
  std::optional<ServiceTier> tier;
  bool usage_is_final = false;  // reported after the text, not along with it
  uint64_t output_bytes = 0;
  std::string added;
  JsonText json;
  std::string replacement;

  void read_choice(dom::element choice, uint64_t whole);
  // Whether `choices` is there and empty.
  bool read_choices(dom::object chunk, uint64_t whole);
};

void StreamFilter::State::read_choice(dom::element choice, uint64_t whole) {
  output_bytes += kFramingTokens;
  dom::object members;
  if (choice.get_object().get(members)) {
    output_bytes += whole;
    return;
  }
  // Of several answers the pieces come mixed.
  if (choices == 1) append_added(members, added);
  uint64_t index = 0;
  bool ended = false;
  for (const auto [key, value] : members) {
    if (key == "index") {
      if (value.get_uint64().get(index)) index = kChoicesMax;
    } else if (key == "finish_reason") {
      ended = value.is_string();
    } else {
      output_bytes += string_bytes(value, 32, whole);
    }
  }
  if (ended && index < kChoicesMax) finished.set(index);
}

bool StreamFilter::State::read_choices(dom::object chunk, uint64_t whole) {
  dom::array items;
  if (chunk.at_key("choices").get_array().get(items)) return false;
  for (const dom::element choice : items)
    read_choice(choice, whole);
  return items.size() == 0;
}

StreamFilter::StreamFilter(bool client_asked_usage, uint32_t choices)
    : state_(std::make_unique<State>()) {
  state_->client_asked_usage = client_asked_usage;
  state_->choices = std::clamp<size_t>(choices, 1, kChoicesMax);
}
StreamFilter::~StreamFilter() = default;

StreamFilter::Step StreamFilter::on_data(std::string_view data) {
  State& state = *state_;
  state.added.clear();
  if (trim(data) == "[DONE]") {
    state.done = true;
    return {.ends = true};
  }
  const auto root = state.json.parse(data);
  dom::object chunk;
  if (!root || root->get_object().get(chunk)) {
    state.output_bytes += data.size();
    return {};
  }
  dom::element error;
  if (!chunk.at_key("error").get(error) && !error.is_null()) state.failed = true;
  const bool no_choices = state.read_choices(chunk, data.size());
  state.tier = std::max(state.tier, read_billed_tier(chunk));
  dom::element usage;
  if (chunk.at_key("usage").get(usage)) return {};
  if (const auto counts = read_usage(usage)) {
    state.usage = state.usage ? larger(*state.usage, *counts) : *counts;
    state.usage->tier = state.tier;
    state.usage_is_final = no_choices || finished();
  }
  if (state.client_asked_usage) return {};
  if (no_choices && usage.is_object()) return {.action = Action::hide};
  const auto place = find_usage(state.json);
  if (!place) return {};
  cut(state.json.text(), *place, state.replacement);
  return {.action = Action::replace, .data = state.replacement};
}

std::string_view StreamFilter::added_text() const {
  return state_->added;
}
uint64_t StreamFilter::reported_output() const {
  return state_->usage && !finished() ? state_->usage->output : 0;
}
bool StreamFilter::complete() const {
  return done() || finished() || failed();
}
bool StreamFilter::done() const {
  return state_->done;
}
bool StreamFilter::finished() const {
  return state_->finished.count() >= state_->choices;
}
bool StreamFilter::failed() const {
  return state_->failed;
}
const std::optional<Usage>& StreamFilter::usage() const {
  return state_->usage;
}
uint64_t StreamFilter::output_bytes() const {
  return state_->output_bytes;
}

Usage StreamFilter::conservative_usage(uint64_t input_bound, uint64_t output_bound,
                                       bool all_visible) const {
  if (state_->usage && state_->usage_is_final) return *state_->usage;
  Usage usage;
  usage.input = input_bound;
  usage.output = output_bound;
  if (finished() && all_visible) usage.output = std::min(usage.output, state_->output_bytes);
  return state_->usage ? larger(usage, *state_->usage) : usage;
}

std::string stream_length_end(uint32_t choices) {
  std::string out = R"(data: {"id":"","object":"chat.completion.chunk","created":0,"model":"",)"
                    R"("choices":[)";
  for (uint32_t i = 0; i < choices; ++i) {
    if (i > 0) out += ',';
    out += R"({"index":)" + std::to_string(i) + R"(,"delta":{},"finish_reason":"length"})";
  }
  return out + "]}\n\ndata: [DONE]\n\n";
}

std::string stream_error(std::string_view code, std::string_view message,
                         const RequestId& request) {
  return "data: " + openai_error(502, code, message, request) + "\n\n";
}

}  // namespace satgate::dialect::openai
