// Whatever peek accepts can be edited, and the edited body means what was wanted. No bytes of a
// stream make it hide or replace anything, or lead to a charge below what it reported.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "dialect/openai/responses.h"
#include "dialect/openai/responses_stream.h"

using namespace satgate::dialect;
using namespace satgate::dialect::openai;

namespace {

void edit_and_read_back(std::string_view text) {
  static ResponsesReader reader, again;
  const auto request = reader.peek(text);
  if (!request) return;
  std::string out;
  RELEASE_ASSERT(reader.edit(text, {}, out) && out == text);
  RELEASE_ASSERT(reader.edit(text, {.output_tokens = 3}, out));
  const auto edited = again.peek(out);
  RELEASE_ASSERT(edited);
  RELEASE_ASSERT(edited->model == request->model && edited->stream == request->stream);
  RELEASE_ASSERT(edited->unbounded == request->unbounded);
  RELEASE_ASSERT(edited->whole_context == request->whole_context && edited->choices == 1);
  const uint64_t asked = request->output_tokens_max.value_or(3);
  RELEASE_ASSERT(edited->output_tokens_max == std::min<uint64_t>(3, asked));
}

void follow(std::string_view text) {
  ResponsesStream stream;
  size_t from = 0;
  while (from <= text.size()) {
    const size_t end = std::min(text.find('\n', from), text.size());
    const auto step = stream.on_data(text.substr(from, end - from));
    RELEASE_ASSERT(step.action == LlmStream::Action::forward);
    RELEASE_ASSERT(!step.ends || stream.complete());
    from = end + 1;
  }
  RELEASE_ASSERT(!stream.usage() || stream.complete());
  const auto charged = stream.conservative_usage(7, 10, true);
  RELEASE_ASSERT(charged.input == (stream.usage() ? stream.usage()->input : 7));
  RELEASE_ASSERT(charged.output == (stream.usage() ? stream.usage()->output : 10));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  edit_and_read_back(text);
  static ResponsesReader reader;
  (void)reader.usage(text);
  follow(text);
  return 0;
}
