// Whatever peek accepts can be edited, and the edited body means what was wanted. No bytes of a
// stream make it hide or replace anything, or lead to a charge below what it reported.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "dialect/anthropic/batches.h"
#include "dialect/anthropic/messages.h"
#include "dialect/anthropic/stream.h"

using satgate::BatchItem;
using namespace satgate::dialect;
using namespace satgate::dialect::anthropic;

namespace {

void edit_and_read_back(Messages endpoint, std::string_view text) {
  MessagesReader reader(endpoint), again(endpoint);
  const auto request = reader.peek(text);
  if (!request) return;
  std::string out;
  RELEASE_ASSERT(reader.edit(text, {}, out) && out == text);
  RELEASE_ASSERT(reader.edit(text, {.output_tokens = 3}, out));
  const auto edited = again.peek(out);
  RELEASE_ASSERT(edited);
  RELEASE_ASSERT(edited->model == request->model && edited->stream == request->stream);
  RELEASE_ASSERT(edited->unbounded == request->unbounded);
  RELEASE_ASSERT(edited->hidden_input_tokens == request->hidden_input_tokens);
  RELEASE_ASSERT(edited->output_tokens_max.has_value() == request->output_tokens_max.has_value());
  RELEASE_ASSERT(endpoint == Messages::count || edited->output_tokens_max);
  if (!edited->output_tokens_max) return;
  RELEASE_ASSERT(*edited->output_tokens_max == std::min<uint64_t>(3, *request->output_tokens_max));
}

// Nothing of a batch is left out of its bounds, and nothing is bounded by more than there is.
void read_batch(std::string_view text) {
  constexpr uint64_t hidden_max = 2000;
  BatchReader reader;
  const auto request = reader.peek(text);
  if (!request) return;
  RELEASE_ASSERT(!request->batch.empty());
  uint64_t bytes = 0;
  for (const BatchItem& item : request->batch) {
    RELEASE_ASSERT(!item.id.empty() && !item.model.empty() && item.output_tokens_max);
    RELEASE_ASSERT(item.input_bytes > 1);
    bytes += item.input_bytes;
  }
  RELEASE_ASSERT(bytes <= text.size() + request->batch.size() * hidden_max);
}

void follow(std::string_view text) {
  MessageStream stream;
  size_t from = 0;
  while (from <= text.size()) {
    const size_t end = std::min(text.find('\n', from), text.size());
    const auto step = stream.on_data(text.substr(from, end - from));
    RELEASE_ASSERT(step.action == LlmStream::Action::forward);
    RELEASE_ASSERT(!step.ends || stream.complete());
    from = end + 1;
  }
  const auto charged = stream.conservative_usage(7, 10, true);
  RELEASE_ASSERT(charged.input > 0);
  RELEASE_ASSERT(charged.cached_input <= charged.input && charged.cache_write <= charged.input);
  RELEASE_ASSERT(charged.cache_write_1h <= charged.cache_write);
  RELEASE_ASSERT(stream.usage() ? charged.output == stream.usage()->output : charged.output >= 10);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  edit_and_read_back(Messages::create, text);
  edit_and_read_back(Messages::count, text);
  static MessagesReader reader(Messages::create);
  (void)reader.usage(text);
  read_batch(text);
  if (const auto changed = with_results_at(text, "/b")) (void)with_results_at(*changed, "/b");
  follow(text);
  return 0;
}
