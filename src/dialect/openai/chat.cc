#include "dialect/openai/chat.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/json_out.h"
#include "base/text.h"
#include "dialect/body.h"
#include "dialect/json_text.h"
#include "dialect/openai/input_tokens.h"
#include "dialect/openai/options.h"
#include "dialect/openai/stream_filter.h"
#include "dialect/openai/usage.h"

namespace satgate::dialect::openai {
namespace {

namespace dom = simdjson::dom;

constexpr uint64_t kChoicesMax = 128;   // as the API reference says of `n`
constexpr uint64_t kLegacyOutput = 16;  // of a completion that names no max_tokens

enum Member : size_t {
  kModel,
  kStream,
  kStreamOptions,
  kMaxTokens,
  kMaxCompletionTokens,
  kChoices,
  kServiceTier,
  kMessages,
  kPrompt,
  kTools,
  kModalities,
  // Whatever they hold, if not null, costs something that bytes and max_tokens do not bound: other
  // models, searches, sound, rejected predictions, hidden candidates.
  kFirstUnbounded,
  kModels = kFirstUnbounded,
  kFallbacks,
  kPlugins,
  kWebSearchOptions,
  kAudio,
  kPrediction,
  kBestOf,
  kUseBeamSearch,
  kMemberCount,
};

constexpr std::array<std::string_view, kMemberCount> kMembers = {
    "model",      "stream",       "stream_options", "max_tokens",      "max_completion_tokens",
    "n",          "service_tier", "messages",       "prompt",          "tools",
    "modalities", "models",       "fallbacks",      "plugins",         "web_search_options",
    "audio",      "prediction",   "best_of",        "use_beam_search",
};

constexpr BadRequest kBadStream{"stream and stream_options.include_usage must be true or false"};
constexpr BadRequest kBadOptions{"stream_options must be an object"};
constexpr BadRequest kBadBound{
    "max_tokens and max_completion_tokens must be whole numbers above zero"};
constexpr BadRequest kBadChoices{"n must be a whole number from 1 to 128"};
constexpr BadRequest kBadPrompt{"prompt must be text, tokens, or an array of either"};
constexpr BadRequest kTooMany{"n times the number of prompts must be at most 128"};

// Part members that are text or say nothing about size. The rest, whatever its case, is unbounded.
bool is_text_member(std::string_view key) {
  return key == "text" || key == "refusal" || key == "cache_control";
}

std::string_view unbounded_part(dom::element part) {
  dom::object members;
  if (part.is_string()) return {};
  if (part.get_object().get(members)) return "content";
  std::string_view found;  // a named kind says more than "content"
  for (const auto [key, value] : members) {
    std::string_view type;
    if (key == "type") {
      if (value.get_string().get(type) || (type != "text" && type != "refusal")) found = "content";
      continue;
    }
    for (const std::string_view name : {"image_url", "input_audio", "file"}) {
      if (key == name) return name;
    }
    if (!is_text_member(key)) found = "content";
  }
  return found;
}

std::string_view unbounded_message(dom::element message) {
  dom::object members;
  if (message.get_object().get(members)) return "messages";
  std::string_view found;
  for (const auto [key, value] : members) {
    if (equals_ignore_case(key, "audio") && !value.is_null()) found = "audio";
    if (!equals_ignore_case(key, "content")) continue;
    dom::array parts;
    if (value.is_null() || value.is_string()) continue;
    if (value.get_array().get(parts)) return "content";
    for (const dom::element part : parts) {
      const std::string_view what = unbounded_part(part);
      if (!what.empty() && (found.empty() || found == "content")) found = what;
    }
  }
  return found;
}

std::string_view unbounded_tool(dom::element tool) {
  std::string_view type;
  if (tool.at_key("type").get_string().get(type)) return "tools";
  return type == "function" || type == "custom" ? std::string_view() : "tools";
}

// Answers to a legacy request: one for each prompt. Text, or tokens by number, is one prompt.
std::optional<uint64_t> count_prompts(dom::element value) {
  dom::array items;
  if (value.is_null() || value.is_string()) return 1;
  if (value.get_array().get(items)) return std::nullopt;
  uint64_t prompts = 0, tokens = 0;
  for (const dom::element item : items) {
    const bool is_token = item.is_uint64();
    if (!is_token && !item.is_string() && !item.is_array()) return std::nullopt;
    ++(is_token ? tokens : prompts);
  }
  // A mixture could be read as either.
  if (tokens > 0 && prompts > 0) return std::nullopt;
  return std::max<uint64_t>(prompts, 1);
}

struct RequestReader {
  Completions kind;
  LlmRequest request;
  uint64_t prompts = 1;

  void note_unbounded(std::string_view what) {
    if (request.unbounded.empty()) request.unbounded = what;
  }

  std::expected<void, BadRequest> read_options(dom::element value) {
    if (value.is_null()) return {};
    dom::object options;
    if (value.get_object().get(options)) return std::unexpected(kBadOptions);
    bool found = false;
    for (const auto [key, option] : options) {
      if (!equals_ignore_case(key, "include_usage")) continue;
      if (key != "include_usage") return std::unexpected(kSpelling);
      if (std::exchange(found, true)) return std::unexpected(kDuplicate);
      const auto read = read_flag(option, kBadStream, request.include_usage);
      if (!read) return read;
    }
    return {};
  }

  std::expected<void, BadRequest> read_choices(dom::element value) {
    if (value.is_null()) return {};
    uint64_t number = 0;
    if (value.get_uint64().get(number) || number == 0 || number > kChoicesMax) {
      return std::unexpected(kBadChoices);
    }
    request.choices = static_cast<uint32_t>(number);
    return {};
  }

  // Of two bounds the larger: upstreams differ in which one they obey.
  std::expected<void, BadRequest> read_output(dom::element value) {
    std::optional<uint64_t> bound;
    const auto read = read_bound(value, kBadBound, bound);
    request.output_tokens_max = std::max(request.output_tokens_max, bound);
    return read;
  }

  std::expected<void, BadRequest> read(size_t member, dom::element value) {
    switch (member) {
      case kModel:
        return read_model(value, request);
      case kStream:
        return read_flag(value, kBadStream, request.stream);
      case kStreamOptions:
        return read_options(value);
      case kMaxTokens:
      case kMaxCompletionTokens:
        return read_output(value);
      case kChoices:
        return read_choices(value);
      case kServiceTier:
        return read_tier(value, request);
      case kMessages:
        note_unbounded(first_unbounded(value, "messages", unbounded_message));
        return {};
      case kPrompt: {
        if (kind == Completions::chat) return {};
        const auto count = count_prompts(value);
        if (!count) return std::unexpected(kBadPrompt);
        prompts = *count;
        return {};
      }
      case kTools:
        note_unbounded(first_unbounded(value, "tools", unbounded_tool));
        return {};
      case kModalities:
        note_unbounded(unbounded_modalities(value));
        return {};
      default:
        if (!value.is_null()) note_unbounded(kMembers[member]);
        return {};
    }
  }
};

// Where the members lie that an edit may touch; each with its raw value.
struct Places {
  std::optional<std::string_view> max_tokens, max_completion_tokens, stream_options, include_usage;
  bool options_empty = true;
};

bool find_places(JsonText& json, Places& places) {
  simdjson::ondemand::document document;
  simdjson::ondemand::object root;
  if (json.walk().get(document) || document.get_object().get(root)) return false;
  for (auto field : root) {
    std::string_view key, token;
    if (field.unescaped_key().get(key)) return false;
    if (key != "max_tokens" && key != "max_completion_tokens" && key != "stream_options") continue;
    simdjson::ondemand::value value;
    if (field.value().get(value)) return false;
    token = trim_token(value.raw_json_token());
    if (key == "max_tokens") places.max_tokens = token;
    if (key == "max_completion_tokens") places.max_completion_tokens = token;
    if (key != "stream_options") continue;
    places.stream_options = token;
    simdjson::ondemand::object options;
    if (!token.starts_with('{')) continue;
    if (value.get_object().get(options)) return false;
    for (auto option : options) {
      places.options_empty = false;
      std::string_view name;
      if (option.unescaped_key().get(name)) return false;
      simdjson::ondemand::value flag;
      if (option.value().get(flag)) return false;
      if (name == "include_usage") places.include_usage = trim_token(flag.raw_json_token());
    }
  }
  return true;
}

// One edit of a body.
struct Editor {
  const JsonText& json;
  std::string insertion = {}, legacy_bound = {}, bound = {};  // what the patches point at

  // A bound that is there becomes at most `most`; it never grows.
  bool lower(const std::optional<std::string_view>& token, uint64_t most, std::string& text,
             Patches& patches) {
    if (!token || *token == "null") return false;
    text = lowered_bound(*token, most);
    patches.add(json.place(*token), token->size(), text);
    return true;
  }

  void set_bound(const Places& places, const LlmEdit& edit, Patches& patches) {
    const uint64_t most = *edit.output_tokens;
    const bool legacy = lower(places.max_tokens, most, legacy_bound, patches);
    if (lower(places.max_completion_tokens, most, bound, patches) || legacy) return;
    const auto& null =
        edit.bound_name == "max_tokens" ? places.max_tokens : places.max_completion_tokens;
    bound = std::to_string(most);
    if (null) {
      patches.add(json.place(*null), null->size(), bound);
      return;
    }
    append_json_string(insertion, edit.bound_name);
    insertion.append(":").append(bound).append(",");
  }

  // The default is written down: servers that are like OpenAI's have others.
  void set_legacy_bound(const Places& places, LlmEdit edit, Patches& patches) {
    const bool is_bound = places.max_tokens && *places.max_tokens != "null";
    if (!edit.output_tokens && is_bound) return;
    if (!edit.output_tokens) edit.output_tokens = kLegacyOutput;
    edit.bound_name = "max_tokens";
    set_bound(places, edit, patches);
  }

  void ask_usage(const Places& places, Patches& patches) {
    if (places.include_usage) {
      patches.add(json.place(*places.include_usage), places.include_usage->size(), "true");
    } else if (!places.stream_options) {
      insertion += R"("stream_options":{"include_usage":true},)";
    } else if (*places.stream_options == "null") {
      patches.add(json.place(*places.stream_options), 4, R"({"include_usage":true})");
    } else {
      patches.add(json.place(*places.stream_options) + 1, 0,
                  places.options_empty ? R"("include_usage":true)" : R"("include_usage":true,)");
    }
  }
};

}  // namespace

std::expected<LlmRequest, BadRequest> ChatReader::read(dom::object members) const {
  RequestReader reader{.kind = kind_, .request = {}};
  const auto read = read_members(members, kMembers, [&](size_t member, dom::element value) {
    return reader.read(member, value);
  });
  if (!read) return std::unexpected(read.error());
  if (kind_ == Completions::chat) return reader.request;
  const uint64_t answers = reader.request.choices * reader.prompts;
  if (answers > kChoicesMax) return std::unexpected(kTooMany);
  reader.request.choices = static_cast<uint32_t>(answers);
  if (!reader.request.output_tokens_max) reader.request.output_tokens_max = kLegacyOutput;
  return reader.request;
}

bool ChatReader::change(JsonText& body, const LlmEdit& edit, std::string& out) const {
  Places places;
  if (!find_places(body, places)) return false;
  Patches patches;
  Editor editor{.json = body};
  if (kind_ == Completions::legacy) {
    editor.set_legacy_bound(places, edit, patches);
  } else if (edit.output_tokens) {
    editor.set_bound(places, edit, patches);
  }
  if (edit.include_usage) editor.ask_usage(places, patches);
  // A body that was accepted is an object with at least `model`: a comma may follow.
  if (!editor.insertion.empty()) patches.add(body.text().find('{') + 1, 0, editor.insertion);
  patches.apply(body.text(), out);
  return true;
}

std::optional<Usage> ChatReader::read_answer(dom::element answer) const {
  auto usage = read_usages(answer, read_usage);
  dom::object members;
  if (usage && !answer.get_object().get(members)) usage->tier = read_billed_tier(members);
  return usage;
}

std::optional<uint64_t> ChatReader::count_input(std::string_view model, dom::object members) const {
  return kind_ == Completions::chat ? chat_tokens(model, members) : prompt_tokens(model, members);
}

std::unique_ptr<LlmStream> ChatReader::follow(const LlmRequest& request) const {
  return std::make_unique<StreamFilter>(request.include_usage, request.choices);
}

}  // namespace satgate::dialect::openai
