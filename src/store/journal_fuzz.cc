// The record reader meets any bytes: it answers, and what it accepts it would write the same way.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "store/record.h"

using namespace satgate;
using namespace satgate::store;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(decode_segment_header(bytes));
  static_cast<void>(decode_write_off(bytes));
  static_cast<void>(decode_account(bytes));
  if (const auto end = decode_end(bytes)) {
    std::string again;
    encode_end(again, *end);
    if (!bytes.starts_with(again)) std::abort();
  }
  if (const auto moved = decode_windows(bytes)) {
    std::string again;
    encode_windows(again, *moved);
    if (bytes != again) std::abort();
  }
  if (const auto hold = decode_hold(bytes)) {
    std::string again;
    encode_hold(again, *hold);
    // One of before is written as it is written now, and reads the same.
    const bool names_windows = (data[24] & 0x80) != 0;
    if (names_windows && bytes != again) std::abort();
    const auto reread = decode_hold(again);
    if (!reread || reread->size != hold->size) std::abort();
    for (size_t i = 0; i < hold->size; ++i) {
      if (reread->entries[i].windows != hold->entries[i].windows) std::abort();
    }
  }
  RecordView record;
  while (read_record(bytes, record) == FrameState::whole) {
    std::string again;
    append_record(again, record.type, record.seq, record.durable_seq, record.payload, {});
    if (!bytes.starts_with(again)) std::abort();
    bytes.remove_prefix(record.size());
  }
  // The checksum hides most inputs from what is behind it: frame the bytes as a record once more.
  if (size > 1 && size < kPayloadBytesMax) {
    const auto type = static_cast<RecordType>(data[0] % 7 + 1);
    std::string framed;
    append_record(framed, type, 1, 0, {reinterpret_cast<const char*>(data) + 1, size - 1}, {});
    if (read_record(framed, record) == FrameState::whole) {
      static_cast<void>(decode_hold(record.payload));
      static_cast<void>(decode_end(record.payload));
      if (record.carries_event() && record.event_json().empty()) std::abort();
    }
  }
  return 0;
}
