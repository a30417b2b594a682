#include "dialect/openai/responses.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <span>

#include "base/json_out.h"
#include "base/text.h"
#include "dialect/body.h"
#include "dialect/json_text.h"
#include "dialect/openai/options.h"
#include "dialect/openai/responses_stream.h"
#include "dialect/openai/usage.h"

namespace satgate::dialect::openai {
namespace {

namespace dom = simdjson::dom;

constexpr std::string_view kBoundName = "max_output_tokens";

enum Member : size_t {
  kModel,
  kStream,
  kBackground,
  kMaxOutputTokens,
  kInput,
  kInstructions,
  kTools,
  kServiceTier,
  kReasoning,
  kPromptCacheOptions,
  kModalities,
  kPreviousResponse,
  kConversation,
  // Whatever they hold, if not null, costs something that bytes, the model's context and
  // max_output_tokens do not bound. A stored prompt brings its own tools along.
  kFirstUnbounded,
  kPrompt = kFirstUnbounded,
  kContextManagement,
  kMultiAgent,
  kAudio,
  kModels,
  kFallbacks,
  kPlugins,
  kWebSearchOptions,
  kMemberCount,
};

constexpr std::array<std::string_view, kMemberCount> kMembers = {
    "model",
    "stream",
    "background",
    kBoundName,
    "input",
    "instructions",
    "tools",
    "service_tier",
    "reasoning",
    "prompt_cache_options",
    "modalities",
    "previous_response_id",
    "conversation",
    "prompt",
    "context_management",
    "multi_agent",
    "audio",
    "models",
    "fallbacks",
    "plugins",
    "web_search_options",
};

constexpr BadRequest kBadFlag{"stream and background must be true or false"};
constexpr BadRequest kBadBound{"max_output_tokens must be a whole number above zero"};

using Names = std::span<const std::string_view>;

// Items whose size is that of their JSON. Reasoning comes back encrypted.
constexpr auto kItemTypes = std::to_array<std::string_view>(
    {"message", "function_call", "function_call_output", "custom_tool_call",
     "custom_tool_call_output", "reasoning", "item_reference"});

// What such items have. A member of any other name could be a source.
enum ItemMember : size_t {
  kType,
  kId,
  kContent,
  kEncrypted,
  kOutput,
  kSummary,
  kFirstText,  // from here on nothing is looked at
  kItemMemberCount = kFirstText + 11,
};
constexpr std::array<std::string_view, kItemMemberCount> kItemMembers = {
    "type",  "id",     "content", "encrypted_content", "output",    "summary",
    "role",  "status", "phase",   "call_id",           "name",      "namespace",
    "input", "caller", "async",   "created_by",        "arguments",
};

constexpr auto kContentTypes =
    std::to_array<std::string_view>({"input_text", "output_text", "refusal", "reasoning_text"});
constexpr auto kOutputTypes = std::to_array<std::string_view>({"input_text"});
constexpr auto kSummaryTypes = std::to_array<std::string_view>({"summary_text"});
constexpr auto kSourceTypes =
    std::to_array<std::string_view>({"input_image", "input_file", "input_audio"});
// What text parts have besides a type.
constexpr auto kPartMembers =
    std::to_array<std::string_view>({"text", "refusal", "annotations", "logprobs"});
constexpr std::string_view kBreakpoint = "prompt_cache_breakpoint";

std::string_view unbounded_type(dom::element value, Names types) {
  std::string_view type;
  if (value.get_string().get(type)) return "content";
  const auto source = std::ranges::find(kSourceTypes, type);
  if (source != kSourceTypes.end()) return *source;
  return among(type, types) ? std::string_view() : "content";
}

bool is_vague(std::string_view what) {
  return what.empty() || what == "content" || what == "input";
}

// A named kind says more than the member that it lies in.
void note(std::string_view& found, std::string_view what) {
  if (found.empty() || (is_vague(found) && !is_vague(what))) found = what;
}

// `name`, if its value has an option of which only one setting, or none, costs no more than usual.
std::string_view unbounded_option(std::string_view name, dom::element value,
                                  std::string_view option, std::string_view usual) {
  dom::object members;
  if (value.is_null()) return {};
  if (value.get_object().get(members)) return name;
  for (const auto [key, setting] : members) {
    if (!equals_ignore_case(key, option)) continue;
    std::string_view text;
    if (key == option && setting.is_null()) continue;
    if (key != option || setting.get_string().get(text) || text != usual) return name;
  }
  return {};
}

// Longer lifetimes may have a price of their own.
std::string_view unbounded_lifetime(std::string_view name, dom::element value) {
  return unbounded_option(name, value, "ttl", "30m");
}

std::string_view unbounded_part(dom::element part, Names types) {
  dom::object members;
  if (part.get_object().get(members)) return "content";
  std::string_view found;
  bool typed = false;
  for (const auto [key, value] : members) {
    if (key == "type") {
      typed = true;
      note(found, unbounded_type(value, types));
    } else if (key == kBreakpoint) {
      note(found, unbounded_lifetime(kBreakpoint, value));
    } else if (!among(key, kPartMembers)) {
      note(found, "content");
    }
  }
  if (!typed) note(found, "content");
  return found;
}

std::string_view unbounded_parts(dom::element value, Names types) {
  if (value.is_string()) return {};
  return first_unbounded(value, "content",
                         [&](dom::element part) { return unbounded_part(part, types); });
}

// One item of the input.
class Item {
 public:
  explicit Item(dom::element item) {
    dom::object members;
    if (item.get_object().get(members)) {
      unbounded_ = "input";
      return;
    }
    for (const auto [key, value] : members)
      read(key, value);
    if (type_ && !among(*type_, kItemTypes)) note(unbounded_, "input");
  }

  std::string_view unbounded() const { return unbounded_; }

  // Only named here: its text is taken from what the provider has stored.
  bool stored() const {
    if (!type_) return has(kId) || !has(kContent);
    if (*type_ == "reasoning") return has(kId) && !has(kEncrypted);
    return *type_ == "item_reference";
  }

 private:
  bool has(ItemMember member) const { return given_[member]; }

  void read(std::string_view key, dom::element value) {
    const auto name = std::ranges::find(kItemMembers, key);
    if (name == kItemMembers.end()) return note(unbounded_, "input");
    const auto member = static_cast<size_t>(name - kItemMembers.begin());
    // Upstreams disagree about which of two counts.
    if (seen_[member]) note(unbounded_, "input");
    seen_.set(member);
    if (value.is_null()) return;
    given_.set(member);
    read_known(member, value);
  }

  void read_known(size_t member, dom::element value) {
    std::string_view text;
    switch (member) {
      case kType:
        if (value.get_string().get(text)) return note(unbounded_, "input");
        type_ = text;
        return;
      case kContent:
        return note(unbounded_, unbounded_parts(value, kContentTypes));
      case kOutput:
        return note(unbounded_, unbounded_parts(value, kOutputTypes));
      case kSummary:
        return note(unbounded_, unbounded_parts(value, kSummaryTypes));
      case kEncrypted:
        if (value.get_string().get(text) || text.empty()) given_.reset(member);
        return;
      default:
        return;
    }
  }

  std::bitset<kItemMemberCount> seen_;
  std::bitset<kItemMemberCount> given_;  // and not null
  std::optional<std::string_view> type_;
  std::string_view unbounded_;
};

// Other tools run at the provider, or have hidden prompts.
std::string_view unbounded_tool(dom::element tool) {
  dom::object members;
  if (tool.get_object().get(members)) return "tools";
  bool typed = false;
  for (const auto [key, value] : members) {
    if (!equals_ignore_case(key, "type")) continue;
    std::string_view type;
    if (key != "type" || value.get_string().get(type)) return "tools";
    if (type != "function" && type != "custom") return "tools";
    typed = true;
  }
  return typed ? std::string_view() : "tools";
}

struct RequestReader {
  LlmRequest request;

  void note_unbounded(std::string_view what) {
    if (request.unbounded.empty()) request.unbounded = what;
  }

  void read_items(dom::element value, std::string_view name) {
    dom::array items;
    if (value.is_null() || value.is_string()) return;
    if (value.get_array().get(items)) return note_unbounded(name);
    std::string_view found;
    for (const dom::element element : items) {
      const Item item(element);
      note(found, item.unbounded());
      if (item.stored()) request.whole_context = true;
    }
    note_unbounded(found);
  }

  // Nothing but null says that nothing is there.
  void read_stored(dom::element value) {
    if (!value.is_null()) request.whole_context = true;
  }

  void read_previous(dom::element value) {
    read_stored(value);
    std::string_view id;
    if (!value.get_string().get(id)) request.stored_id = id;
  }

  std::expected<void, BadRequest> read(size_t member, dom::element value) {
    bool background = false;  // changes when the answer comes, not what it may cost
    switch (member) {
      case kModel:
        return read_model(value, request);
      case kStream:
        return read_flag(value, kBadFlag, request.stream);
      case kBackground:
        return read_flag(value, kBadFlag, background);
      case kMaxOutputTokens:
        return read_bound(value, kBadBound, request.output_tokens_max);
      case kServiceTier:
        return read_tier(value, request);
      default:
        read_content(member, value);
        return {};
    }
  }

  void read_content(size_t member, dom::element value) {
    switch (member) {
      case kInput:
      case kInstructions:
        return read_items(value, kMembers[member]);
      case kTools:
        return note_unbounded(first_unbounded(value, "tools", unbounded_tool));
      case kReasoning:
        // Another mode may think several times over; an effort is part of the bounded output.
        return note_unbounded(unbounded_option("reasoning", value, "mode", "standard"));
      case kPromptCacheOptions:
        return note_unbounded(unbounded_lifetime("prompt_cache_options", value));
      case kModalities:
        return note_unbounded(unbounded_modalities(value));
      case kPreviousResponse:
        return read_previous(value);
      case kConversation:
        return read_stored(value);
      case kPrompt:
        read_stored(value);
        [[fallthrough]];
      default:
        if (!value.is_null()) note_unbounded(kMembers[member]);
    }
  }
};

}  // namespace

std::expected<LlmRequest, BadRequest> ResponsesReader::read(dom::object members) const {
  RequestReader reader;
  const auto read = read_members(members, kMembers, [&](size_t member, dom::element value) {
    return reader.read(member, value);
  });
  if (!read) return std::unexpected(read.error());
  return reader.request;
}

bool ResponsesReader::change(JsonText& body, const LlmEdit& edit, std::string& out) const {
  std::string_view token;
  if (!find_value(body, kBoundName, token)) return false;
  Patches patches;
  std::string bound;
  if (edit.output_tokens && token.empty()) {
    append_json_string(bound, kBoundName);
    bound.append(":").append(std::to_string(*edit.output_tokens)).append(",");
    // A body that was accepted is an object with at least `model`: a comma may follow.
    patches.add(body.text().find('{') + 1, 0, bound);
  } else if (edit.output_tokens) {
    bound = lowered_bound(token, *edit.output_tokens);  // null is no number: it becomes the bound
    patches.add(body.place(token), token.size(), bound);
  }
  patches.apply(body.text(), out);
  return true;
}

std::string_view ResponsesReader::read_stored_id(dom::element answer) const {
  return id_of_answer(answer);
}

std::optional<Usage> ResponsesReader::read_answer(dom::element answer) const {
  return read_response(answer);
}

std::unique_ptr<LlmStream> ResponsesReader::follow(const LlmRequest& /*request*/) const {
  return std::make_unique<ResponsesStream>();
}

}  // namespace satgate::dialect::openai
