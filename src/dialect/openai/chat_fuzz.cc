// Whatever peek accepts can be edited, the edited body means what was wanted, and tokens that are
// known are no more than its bytes. No bytes of a stream make the filter fail or produce a chunk
// that is no JSON.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "dialect/openai/chat.h"
#include "dialect/openai/stream_filter.h"

using namespace satgate::dialect::openai;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static ChatReader reader, again;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string out;
  if (const auto request = reader.peek(text)) {
    RELEASE_ASSERT(reader.exact_input_tokens(text).value_or(0) <= size);
    RELEASE_ASSERT(reader.edit(text, {.output_tokens = 3, .include_usage = true}, out));
    const auto edited = again.peek(out);
    RELEASE_ASSERT(edited);
    RELEASE_ASSERT(edited->model == request->model && edited->include_usage);
    RELEASE_ASSERT(edited->output_tokens_max && *edited->output_tokens_max <= 3);
    RELEASE_ASSERT(edited->choices == request->choices && edited->stream == request->stream);
    RELEASE_ASSERT(edited->unbounded == request->unbounded);
  }
  (void)reader.usage(text);
  StreamFilter filter(false, 2);
  size_t from = 0;
  while (from <= text.size()) {
    const size_t end = std::min(text.find('\n', from), text.size());
    const auto step = filter.on_data(text.substr(from, end - from));
    if (step.action == StreamFilter::Action::replace) {
      StreamFilter second(false, 2);
      RELEASE_ASSERT(second.on_data(step.data).action != StreamFilter::Action::replace);
    }
    from = end + 1;
  }
  const auto usage = filter.conservative_usage(size, 10, true);
  RELEASE_ASSERT(filter.usage() || usage.input == size);
  return 0;
}
