// Event streams from any bytes. The first byte is the size of the pieces. Must hold: no byte of
// the stream is lost, the events do not depend on the pieces, and they are those that a direct
// reading of the specification finds in the whole stream.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "wire/sse.h"

namespace satgate::wire {
namespace {

using Events = std::vector<std::pair<std::string, std::string>>;  // type and data

void require(bool condition) {
  if (!condition) std::abort();
}

Events split(std::string_view stream, size_t piece) {
  Events events;
  SseSplitter splitter;
  SseEvent event;
  std::string raw;
  for (size_t at = 0; at < stream.size(); at += piece) {
    require(splitter.feed(stream.substr(at, piece)));
    while (splitter.next(event)) {
      raw += event.raw;
      if (event.has_data) events.emplace_back(event.type, event.data);
    }
  }
  (void)splitter.end(event);
  require(raw + std::string(event.raw) == stream);
  return events;
}

// WHATWG HTML 9.2.6, line by line. Unlike it, an event with a data field of no bytes counts.
Events reference(std::string_view stream) {
  if (stream.starts_with("\xEF\xBB\xBF")) stream.remove_prefix(3);
  Events events;
  std::string type;
  std::string data;
  bool has_data = false;
  while (!stream.empty()) {
    const size_t end = stream.find_first_of("\r\n");
    if (end == stream.npos) break;
    const std::string_view line = stream.substr(0, end);
    stream.remove_prefix(stream.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
    if (line.empty()) {
      if (has_data) events.emplace_back(type, data.substr(0, data.size() - 1));
      type.clear();
      data.clear();
      has_data = false;
      continue;
    }
    const size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    std::string_view value = colon == line.npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "event") type = value;
    if (name == "data") {
      (data += value) += '\n';
      has_data = true;
    }
  }
  return events;
}

}  // namespace
}  // namespace satgate::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace satgate::wire;
  if (size < 1) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Events expected = reference(stream);
  require(split(stream, stream.size() + 1) == expected);
  require(split(stream, data[0] % 32 + 1U) == expected);
  return 0;
}
