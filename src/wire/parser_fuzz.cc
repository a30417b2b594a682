// Heads, bodies and paths from any bytes. The first byte picks the kind of message and the second
// where the rest is cut. Must hold: no crash, the same verdict however the bytes arrive, and what
// was accepted survives being written and parsed again.
#include <cstdint>
#include <cstdlib>

#include "wire/serializer.h"
#include "wire/test_verdict.h"
#include "wire/url.h"

namespace satgate::wire::test {
namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

std::vector<size_t> cuts_of(uint8_t seed, size_t size) {
  std::vector<size_t> cuts;
  // Byte by byte for small inputs now and then: the cost is quadratic.
  const size_t step = seed % 8 == 0 && size < 600 ? 1 : seed + 1U;
  for (size_t at = step; at < size; at += step)
    cuts.push_back(at);
  return cuts;
}

// A proxy's hop: write what was read with its framing, read it again.
void check_round_trip(std::string_view bytes) {
  RequestHead head;
  HeadCursor cursor;
  if (parse_request_head(bytes, cursor, head).progress != Progress::done) return;
  // The writer may add Content-Length: 0, which then would be one field too many to read back.
  if (head.fields.size() == Fields::kCapacity) return;
  std::string out;
  HeadWriter writer(out);
  writer.request(head.method, head.target, head.host).forward(head.fields, Direction::request);
  require(writer.finish(head.framing).has_value());
  RequestHead again;
  cursor = {};
  const HeadResult result = parse_request_head(out, cursor, again);
  require(result.progress == Progress::done && result.consumed == out.size());
  require(again.method == head.method && again.target == head.target && again.host == head.host);
  require(again.framing == head.framing || (head.framing.is_empty() && again.framing.is_empty()));
  const ForwardFilter filter(head.fields, Direction::request);
  size_t kept = 0;
  for (const Field& field : head.fields)
    kept += filter.forwards(field.name) ? 1 : 0;
  const bool has_framing = again.framing.kind != BodyFraming::Kind::none;
  require(again.fields.size() == kept + 1 + (has_framing ? 1 : 0));

  std::string scratch;
  if (const auto path = normalise_path(head.path, scratch)) {
    std::string second;
    const auto same = normalise_path(*path, second);
    require(same && *same == *path);
  }
  QueryPairs pairs(head.query);
  std::string_view name;
  std::string_view value;
  while (pairs.next(name, value)) {
  }
}

}  // namespace
}  // namespace satgate::wire::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace satgate::wire::test;
  if (size < 2) return 0;
  const auto kind = static_cast<Kind>(data[0] % 3);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string whole = converse(kind, bytes).verdict(bytes);
  require(whole == converse(kind, bytes, cuts_of(data[1], bytes.size())).verdict(bytes));
  if (kind == Kind::request) check_round_trip(bytes);
  return 0;
}
