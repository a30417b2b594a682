#include "dialect/openai/embeddings.h"

#include <array>

#include "dialect/body.h"
#include "dialect/openai/input_tokens.h"
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

std::expected<LlmRequest, BadRequest> EmbeddingsReader::read(dom::object members) const {
  LlmRequest request;
  request.output_tokens_max = 0;
  const auto read = read_members(
      members, kMembers, [&](size_t member, dom::element value) -> std::expected<void, BadRequest> {
        if (member == kModel) return read_model(value, request);
        if (member == kInput && !is_bounded(value, 2)) return std::unexpected(kBadInput);
        // Some servers embed a conversation, with its pictures.
        if (member == kMessages && !value.is_null()) request.unbounded = kMembers[kMessages];
        return {};
      });
  if (!read) return std::unexpected(read.error());
  return request;
}

bool EmbeddingsReader::change(JsonText& body, const LlmEdit& /*edit*/, std::string& out) const {
  out.assign(body.text());
  return true;
}

std::optional<Usage> EmbeddingsReader::read_answer(dom::element answer) const {
  return read_usages(answer, read_embedding_usage);
}

std::optional<uint64_t> EmbeddingsReader::count_input(std::string_view model,
                                                      dom::object members) const {
  return embedding_tokens(model, members);
}

// No embedding is streamed; should an upstream do so, what it says is followed like a chat.
std::unique_ptr<LlmStream> EmbeddingsReader::follow(const LlmRequest& /*request*/) const {
  return std::make_unique<StreamFilter>(true, 1);
}

}  // namespace satgate::dialect::openai
