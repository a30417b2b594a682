#include "dialect/llm_api.h"

#include <utility>

#include "dialect/anthropic/batches.h"
#include "dialect/anthropic/messages.h"
#include "dialect/anthropic/stream.h"
#include "dialect/openai/chat.h"
#include "dialect/openai/embeddings.h"
#include "dialect/openai/responses.h"
#include "dialect/openai/responses_stream.h"
#include "dialect/openai/stream_filter.h"
#include "dialect/openai/units.h"

namespace satgate::dialect {

Protocol protocol_of(LlmApi api) {
  switch (api) {
    case LlmApi::chat_completions:
    case LlmApi::completions:
    case LlmApi::embeddings:
    case LlmApi::responses:
    case LlmApi::images:
    case LlmApi::speech:
      return Protocol::openai;
    case LlmApi::messages:
    case LlmApi::count_tokens:
    case LlmApi::batches:
      return Protocol::anthropic;
  }
  std::unreachable();
}

std::unique_ptr<LlmReader> make_reader(LlmApi api) {
  using anthropic::Messages;
  using anthropic::MessagesReader;
  switch (api) {
    case LlmApi::chat_completions:
      return std::make_unique<openai::ChatReader>(openai::Completions::chat);
    case LlmApi::completions:
      return std::make_unique<openai::ChatReader>(openai::Completions::legacy);
    case LlmApi::embeddings:
      return std::make_unique<openai::EmbeddingsReader>();
    case LlmApi::responses:
      return std::make_unique<openai::ResponsesReader>();
    case LlmApi::images:
      return std::make_unique<openai::UnitsReader>(BilledUnit::image);
    case LlmApi::speech:
      return std::make_unique<openai::UnitsReader>(BilledUnit::character);
    case LlmApi::messages:
      return std::make_unique<MessagesReader>(Messages::create);
    case LlmApi::count_tokens:
      return std::make_unique<MessagesReader>(Messages::count);
    case LlmApi::batches:
      return std::make_unique<anthropic::BatchReader>();
  }
  std::unreachable();
}

std::string stream_length_end(LlmApi api, uint32_t choices, uint64_t output_tokens) {
  if (api == LlmApi::messages) return anthropic::stream_length_end(output_tokens);
  if (api == LlmApi::chat_completions) return openai::stream_length_end(choices);
  return {};
}

std::string stream_error(LlmApi api, std::string_view code, std::string_view message,
                         const RequestId& request) {
  if (api == LlmApi::responses) return openai::responses_stream_error(code, message);
  return protocol_of(api) == Protocol::anthropic ? anthropic::stream_error(message, request)
                                                 : openai::stream_error(code, message, request);
}

}  // namespace satgate::dialect
