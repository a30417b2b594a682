#include "dialect/anthropic/messages.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"
#include "dialect/anthropic/stream.h"
#include "dialect/anthropic/usage.h"
#include "dialect/body.h"
#include "dialect/json_text.h"

namespace satgate::dialect::anthropic {
namespace {

namespace dom = simdjson::dom;

// The prompt that comes with tools. The documentation lists up to about 530 tokens, by model.
constexpr uint64_t kToolPromptTokens = 1000;
constexpr int kDepthMax = 64;  // deeper, nobody looks for marks of the cache
// The prompt that explains a format of the answer; the format itself is in the body.
constexpr uint64_t kFormatPromptTokens = 1000;

enum Member : size_t {
  kModel,
  kStream,
  kMaxTokens,
  kMessages,
  kSystem,
  kTools,
  kServiceTier,
  kOutputConfig,
  kOutputFormat,
  // Whatever they hold, if not null, costs something that bytes and max_tokens do not bound: tools
  // and other models at the server, dearer places and speeds, summaries.
  kFirstUnbounded,
  kMcpServers = kFirstUnbounded,
  kContainer,
  kSpeed,
  kInferenceGeo,
  kContextManagement,
  kFallbacks,
  kModels,
  kPlugins,
  kMemberCount,
};

constexpr std::array<std::string_view, kMemberCount> kMembers = {
    "model",     "stream",       "max_tokens",    "messages",           "system",
    "tools",     "service_tier", "output_config", "output_format",      "mcp_servers",
    "container", "speed",        "inference_geo", "context_management", "fallbacks",
    "models",    "plugins",
};

constexpr BadRequest kBadStream{"stream must be true or false"};
constexpr BadRequest kBadBound{"max_tokens must be a whole number above zero"};
constexpr BadRequest kBadTier{"service_tier must be a string"};

using Names = std::span<const std::string_view>;

constexpr auto kTextTypes = std::to_array<std::string_view>({"text"});
// Blocks whose size is that of their JSON. Thinking comes back in its signature or data.
constexpr auto kMessageTypes = std::to_array<std::string_view>(
    {"text", "thinking", "redacted_thinking", "tool_use", "tool_result"});
// What such blocks have besides type and content. A member of any other name could be a source.
constexpr auto kTextMembers = std::to_array<std::string_view>(
    {"text", "cache_control", "citations", "thinking", "signature", "data", "id", "name", "input",
     "caller", "tool_use_id", "is_error"});

std::string_view unbounded_type(dom::element value, Names types) {
  std::string_view type;
  if (value.get_string().get(type)) return "content";
  for (const std::string_view name : {"image", "document"}) {
    if (type == name) return name;
  }
  return among(type, types) ? std::string_view() : "content";
}

// A named kind says more than "content".
void note(std::string_view& found, std::string_view what) {
  if (!what.empty() && (found.empty() || found == "content")) found = what;
}

template <class CheckContent>
std::string_view unbounded_block(dom::element block, Names types, const CheckContent& check) {
  dom::object members;
  if (block.get_object().get(members)) return "content";
  std::string_view found;
  for (const auto [key, value] : members) {
    if (key == "type") {
      note(found, unbounded_type(value, types));
    } else if (key == "content") {
      note(found, check(value));
    } else if (!among(key, kTextMembers)) {
      note(found, "content");
    }
  }
  return found;
}

std::string_view unbounded_text(dom::element block) {
  return unbounded_block(block, kTextTypes, [](dom::element) { return "content"; });
}

// A reference to a tool, which is no text, would repeat its definition.
std::string_view unbounded_result(dom::element content) {
  if (content.is_string()) return {};
  return first_unbounded(content, "content", unbounded_text);
}

std::string_view unbounded_part(dom::element block) {
  return unbounded_block(block, kMessageTypes, unbounded_result);
}

std::string_view unbounded_message(dom::element message) {
  dom::object members;
  if (message.get_object().get(members)) return "messages";
  std::string_view found;
  for (const auto [key, value] : members) {
    if (!equals_ignore_case(key, "content")) continue;
    if (key != "content") note(found, "content");
    if (value.is_string()) continue;
    note(found, first_unbounded(value, "content", unbounded_part));
  }
  return found;
}

std::string_view unbounded_system(dom::element value) {
  if (value.is_string()) return {};
  return first_unbounded(value, "system", unbounded_text);
}

// A tool without a type is the client's own; others run at the server or have hidden prompts.
std::string_view unbounded_tool(dom::element tool) {
  dom::object members;
  if (tool.get_object().get(members)) return "tools";
  for (const auto [key, value] : members) {
    if (!equals_ignore_case(key, "type") || (key == "type" && value.is_null())) continue;
    std::string_view type;
    if (key != "type" || value.get_string().get(type) || type != "custom") return "tools";
  }
  return {};
}

bool mentions_cache(dom::element element, int depth);

// Only what is marked with `cache_control` is written to the cache. Wherever that stands, it
// counts.
bool mentions_cache(dom::object members, int depth) {
  for (const auto [key, value] : members) {
    if (equals_ignore_case(key, "cache_control") || mentions_cache(value, depth)) return true;
  }
  return false;
}

bool mentions_cache(dom::element element, int depth) {
  dom::array items;
  dom::object members;
  if (depth == 0) return true;
  if (!element.get_object().get(members)) return mentions_cache(members, depth - 1);
  if (element.get_array().get(items)) return false;
  return std::ranges::any_of(
      items, [depth](dom::element item) { return mentions_cache(item, depth - 1); });
}

struct RequestReader {
  LlmRequest request;

  void note_unbounded(std::string_view what) {
    if (request.unbounded.empty()) request.unbounded = what;
  }

  // Both tiers are priced at the default.
  std::expected<void, BadRequest> read_tier(dom::element value) {
    if (value.is_null()) return {};
    std::string_view tier;
    if (value.get_string().get(tier)) return std::unexpected(kBadTier);
    if (tier != "auto" && tier != "standard_only") note_unbounded("service_tier");
    return {};
  }

  void read_tools(dom::element value) {
    dom::array tools;
    note_unbounded(first_unbounded(value, "tools", unbounded_tool));
    if (!value.get_array().get(tools) && tools.size() > 0) {
      request.hidden_input_tokens += kToolPromptTokens;
    }
  }

  void read_output_format(dom::element format) {
    if (!format.is_null()) request.hidden_input_tokens += kFormatPromptTokens;
  }

  // An effort changes nothing about the bounds.
  void read_output_config(dom::element value) {
    dom::object members;
    if (value.is_null()) return;
    if (value.get_object().get(members)) return note_unbounded("output_config");
    for (const auto [key, option] : members) {
      if (key == "effort" || key == "task_budget" || option.is_null()) continue;
      if (key != "format") return note_unbounded("output_config");
      read_output_format(option);
    }
  }

  std::expected<void, BadRequest> read(size_t member, dom::element value) {
    switch (member) {
      case kModel:
        return read_model(value, request);
      case kStream:
        return read_flag(value, kBadStream, request.stream);
      case kMaxTokens:
        return read_bound(value, kBadBound, request.output_tokens_max);
      case kMessages:
        note_unbounded(first_unbounded(value, "messages", unbounded_message));
        return {};
      case kSystem:
        note_unbounded(unbounded_system(value));
        return {};
      case kTools:
        read_tools(value);
        return {};
      case kServiceTier:
        return read_tier(value);
      case kOutputConfig:
        read_output_config(value);
        return {};
      case kOutputFormat:
        read_output_format(value);
        return {};
      default:
        if (!value.is_null()) note_unbounded(kMembers[member]);
        return {};
    }
  }
};

}  // namespace

std::expected<LlmRequest, BadRequest> read_message(dom::object members, Messages endpoint) {
  RequestReader reader;
  const auto read = read_members(members, kMembers, [&](size_t member, dom::element value) {
    return reader.read(member, value);
  });
  if (!read) return std::unexpected(read.error());
  if (endpoint == Messages::create && !reader.request.output_tokens_max) {
    return std::unexpected(kBadBound);
  }
  reader.request.may_write_cache = mentions_cache(members, kDepthMax);
  return reader.request;
}

std::expected<LlmRequest, BadRequest> MessagesReader::read(dom::object members) const {
  return read_message(members, endpoint_);
}

bool MessagesReader::change(JsonText& body, const LlmEdit& edit, std::string& out) const {
  std::string_view token;
  if (!find_value(body, "max_tokens", token)) return false;
  Patches patches;
  std::string bound;
  if (edit.output_tokens && !token.empty() && token != "null") {
    bound = lowered_bound(token, *edit.output_tokens);
    patches.add(body.place(token), token.size(), bound);
  }
  patches.apply(body.text(), out);
  return true;
}

std::optional<Usage> MessagesReader::read_answer(dom::element answer) const {
  return read_usages(answer, [](dom::element usage) -> std::optional<Usage> {
    const auto counts = read_report(usage);
    return counts ? std::optional(counts->usage()) : std::nullopt;
  });
}

std::unique_ptr<LlmStream> MessagesReader::follow(const LlmRequest& /*request*/) const {
  return std::make_unique<MessageStream>();
}

}  // namespace satgate::dialect::anthropic
