#include "dialect/openai/input_tokens.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <span>

#include "dialect/body.h"
#include "dialect/bpe/tokens.h"

namespace satgate::dialect::openai {
namespace {

namespace dom = simdjson::dom;
using bpe::Vocabulary;

// "How to count tokens with tiktoken" of OpenAI's cookbook.
constexpr uint64_t kMessageTokens = 3;
constexpr uint64_t kNameTokens = 1;
constexpr uint64_t kAnswerTokens = 3;

// Chat models that it counts for; each also as a snapshot ("gpt-4o-2024-08-06").
constexpr auto kChatModels = std::to_array<std::string_view>({
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4-turbo",
    "gpt-4",
    "gpt-4-32k",
    "gpt-3.5-turbo",
    "gpt-3.5-turbo-16k",
});
constexpr std::string_view kOtherFormat = "gpt-3.5-turbo-0301";  // four tokens a message
constexpr auto kPromptModels =
    std::to_array<std::string_view>({"gpt-3.5-turbo-instruct", "gpt-3.5-turbo-instruct-0914"});
constexpr auto kEmbeddingModels = std::to_array<std::string_view>(
    {"text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"});

// Members that add nothing to the input. Whatever else is there may do so, unless it is null.
constexpr auto kSilent = std::to_array<std::string_view>({"model",
                                                          "frequency_penalty",
                                                          "logit_bias",
                                                          "logprobs",
                                                          "max_completion_tokens",
                                                          "max_tokens",
                                                          "metadata",
                                                          "n",
                                                          "presence_penalty",
                                                          "prompt_cache_key",
                                                          "safety_identifier",
                                                          "seed",
                                                          "service_tier",
                                                          "stop",
                                                          "store",
                                                          "stream",
                                                          "stream_options",
                                                          "temperature",
                                                          "top_logprobs",
                                                          "top_p",
                                                          "user"});
constexpr auto kSilentInEmbeddings =
    std::to_array<std::string_view>({"model", "dimensions", "encoding_format", "user"});
constexpr auto kRoles = std::to_array<std::string_view>({"system", "user", "assistant"});

bool is_chat_model(std::string_view model) {
  if (model == kOtherFormat) return false;
  return std::ranges::any_of(kChatModels, [model](std::string_view name) {
    if (!model.starts_with(name)) return false;
    const std::string_view date = model.substr(name.size());
    return date.empty() ||
           (date.front() == '-' && date.find_first_not_of("0123456789-") == std::string_view::npos);
  });
}

// What a special token is called may count as one, and splits the text around it.
std::optional<uint64_t> count_text(Vocabulary vocabulary, dom::element value) {
  std::string_view text;
  if (value.get_string().get(text) || text.contains("<|")) return std::nullopt;
  return bpe::count_tokens(vocabulary, text);
}

std::optional<uint64_t> count_message(Vocabulary vocabulary, dom::element message) {
  enum Member : size_t { kRole, kContent, kName, kMemberCount };
  constexpr std::array<std::string_view, kMemberCount> kNames = {"role", "content", "name"};
  dom::object members;
  if (message.get_object().get(members)) return std::nullopt;
  std::bitset<kMemberCount> seen;
  uint64_t count = kMessageTokens;
  for (const auto [key, value] : members) {
    if (value.is_null()) continue;
    const auto member = static_cast<size_t>(std::ranges::find(kNames, key) - kNames.begin());
    if (member == kMemberCount || seen[member]) return std::nullopt;
    seen.set(member);
    std::string_view role;
    if (member == kRole && (value.get_string().get(role) || !among(role, kRoles))) {
      return std::nullopt;
    }
    const auto tokens = count_text(vocabulary, value);
    if (!tokens) return std::nullopt;
    count += *tokens + (member == kName ? kNameTokens : 0);
  }
  if (!seen[kRole] || !seen[kContent]) return std::nullopt;
  return count;
}

std::optional<uint64_t> count_messages(Vocabulary vocabulary, dom::element value) {
  dom::array messages;
  if (value.get_array().get(messages)) return std::nullopt;
  uint64_t count = kAnswerTokens;
  for (const dom::element message : messages) {
    const auto tokens = count_message(vocabulary, message);
    if (!tokens) return std::nullopt;
    count += *tokens;
  }
  return count;
}

// The one format of an answer that is not described to the model.
bool is_plain_format(dom::element value) {
  dom::object members;
  if (value.get_object().get(members)) return false;
  for (const auto [key, kind] : members) {
    std::string_view text;
    if (key != "type" || kind.get_string().get(text) || text != "text") return false;
  }
  return true;
}

// A text, token numbers, or an array of either. An empty one may become a token that nobody wrote.
std::optional<uint64_t> count_input(Vocabulary vocabulary, dom::element value, int depth = 2) {
  if (value.is_string()) {
    const auto count = count_text(vocabulary, value);
    return count == 0 ? std::nullopt : count;
  }
  dom::array items;
  if (depth == 0 || value.get_array().get(items)) return std::nullopt;
  std::optional<uint64_t> count;
  for (const dom::element item : items) {
    const auto more =
        item.is_uint64() ? std::optional<uint64_t>(1) : count_input(vocabulary, item, depth - 1);
    if (!more) return std::nullopt;
    count = count.value_or(0) + *more;
  }
  return count;
}

// The tokens of member `name` if all others are silent.
std::optional<uint64_t> count_member(dom::object members, std::string_view name,
                                     std::span<const std::string_view> silent) {
  std::optional<uint64_t> count;
  for (const auto [key, value] : members) {
    if (value.is_null()) continue;
    if (key == name) {
      count = count_input(Vocabulary::cl100k_base, value);
      if (!count) return std::nullopt;
    } else if (!among(key, silent)) {
      return std::nullopt;
    }
  }
  return count;
}

}  // namespace

std::optional<uint64_t> chat_tokens(std::string_view model, dom::object members) {
  const auto vocabulary = bpe::vocabulary_of(model);
  if (!vocabulary || !is_chat_model(model)) return std::nullopt;
  std::optional<uint64_t> count;
  for (const auto [key, value] : members) {
    if (value.is_null()) continue;
    if (key == "messages") {
      count = count_messages(*vocabulary, value);
      if (!count) return std::nullopt;
    } else if (key == "response_format" ? !is_plain_format(value) : !among(key, kSilent)) {
      return std::nullopt;
    }
  }
  return count;
}

std::optional<uint64_t> prompt_tokens(std::string_view model, dom::object members) {
  if (!among(model, kPromptModels)) return std::nullopt;
  return count_member(members, "prompt", kSilent);
}

std::optional<uint64_t> embedding_tokens(std::string_view model, dom::object members) {
  if (!among(model, kEmbeddingModels)) return std::nullopt;
  return count_member(members, "input", kSilentInEmbeddings);
}

}  // namespace satgate::dialect::openai
