#include "dialect/openai/embeddings.h"

#include <array>

#include "dialect/body.h"
#include "dialect/openai/stream_filter.h"
#include "dialect/openai/usage.h"

namespace satgate::dialect::openai {
namespace {

namespace dom = simdjson::dom;

enum Member : size_t { kModel, kInput, kMessages, kMemberCount };
constexpr std::array<std::string_view, kMemberCount> kMembers = {"model", "input", "messages"};

constexpr BadRequest kBadInput{"input must be text, tokens, or an array of either"};

// Text, or a token by number. Pictures, which some servers take, are not bounded by their bytes.
bool is_bounded(dom::element input, int depth) {
  if (input.is_string() || input.is_uint64()) return true;
  dom::array items;
  if (depth == 0 || input.get_array().get(items)) return false;
  for (const dom::element item : items) {
    if (!is_bounded(item, depth - 1)) return false;
  }
  return true;
}

}  // namespace

std::expected<LlmRequest, BadRequest> EmbeddingsReader::peek(std::string_view body) {
  model_.clear();
  const auto root = json_.parse(body);
  if (!root) return std::unexpected(kNotJson);
  dom::object members;
  if (root->get_object().get(members)) return std::unexpected(kNotObject);
  LlmRequest request;
  request.output_tokens_max = 0;
  const auto read = read_members(
      members, kMembers, [&](size_t member, dom::element value) -> std::expected<void, BadRequest> {
        if (member == kModel && value.get_string().get(request.model)) {
          return std::unexpected(kNoModel);
        }
        if (member == kInput && !is_bounded(value, 2)) return std::unexpected(kBadInput);
        // Some servers embed a conversation, with its pictures.
        if (member == kMessages && !value.is_null()) request.unbounded = kMembers[kMessages];
        return {};
      });
  if (!read) return std::unexpected(read.error());
  if (request.model.empty()) return std::unexpected(kNoModel);
  model_.assign(request.model);
  request.model = model_;
  return request;
}

bool EmbeddingsReader::edit(std::string_view body, const LlmEdit&, std::string& out) {
  if (model_.empty() || body != json_.text()) return false;
  out.assign(body);
  return true;
}

std::optional<Usage> EmbeddingsReader::usage(std::string_view answer) {
  const auto root = answer_.parse(answer);
  dom::element usage;
  if (!root || root->at_key("usage").get(usage)) return std::nullopt;
  auto read = read_usage(usage);
  if (read) read->output = 0;  // some count the numbers as such, in total_tokens
  return read;
}

// No embedding is streamed; should an upstream do so, what it says is followed like a chat.
std::unique_ptr<LlmStream> EmbeddingsReader::follow(const LlmRequest&) const {
  return std::make_unique<StreamFilter>(true, 1);
}

}  // namespace satgate::dialect::openai
