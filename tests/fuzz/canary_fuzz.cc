// A planted bug. `make check` fails unless this fuzzer fails: it proves that coverage feedback and
// the sanitizers are really on in the build that fuzzes everything else.
#include <cstddef>
#include <cstdint>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4 || data[0] != 's' || data[1] != 'g' || data[2] != '_' || data[3] != '!') return 0;
  const std::vector<uint8_t> copy(data, data + size);
  volatile uint8_t past_the_end = *(copy.data() + size);
  static_cast<void>(past_the_end);
  return 0;
}
