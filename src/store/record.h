// The bytes of the journal: segment headers and records. Pure; all integers are little endian.
//
//   segment:  SegmentHeader (128 bytes), then records back to back, then zeros
//   record:   u32 length of the payload
//             u32 CRC-32C over the length and everything from `seq` to the end of the payload
//             u64 seq            1, 2, 3, ... over the whole journal, without gaps
//             u64 durable_seq    what was known to be on disk when this was written
//             u8  type, u8[7] zero
//             payload
//             u32 end mark       never zero: tells a whole record from a torn one
//
// A record that carries an audit event has its JSON at the end of the payload; what the ledger must
// replay stands in front of it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/chain.h"
#include "base/ids.h"
#include "base/limits.h"
#include "base/money.h"
#include "base/time.h"
#include "ledger/ledger.h"

namespace satgate::store {

enum class RecordType : uint8_t {
  hold = 1,        // ledger::HoldRecord
  end = 2,         // ledger::EndRecord, event
  event = 3,       // event
  checkpoint = 4,  // a signed statement about the chain so far, as JSON
  unblock = 5,     // account
  write_off = 6,   // WriteOff, event
  windows = 7,     // ledger::MovedWindows
};

// What a power failure may have taken from the journal, charged to the account.
struct WriteOff {
  AccountId account;
  AccountKind kind = AccountKind::token;
  Time at;
  ledger::Loss loss;
};

inline constexpr size_t kRecordHeadBytes = 32;
inline constexpr size_t kRecordMarkBytes = 4;
inline constexpr size_t kRecordFrameBytes = kRecordHeadBytes + kRecordMarkBytes;
inline constexpr size_t kPayloadBytesMax = limits::journal_record_bytes_max;
inline constexpr std::string_view kRecordMark{"\xe5\x93\x87\xae", 4};

// One record, its payload still encoded. Views into the reader's buffer.
struct RecordView {
  uint64_t seq = 0;
  uint64_t durable_seq = 0;
  RecordType type = RecordType::event;
  std::string_view payload;

  size_t size() const { return payload.size() + kRecordFrameBytes; }
  bool carries_event() const;
  std::string_view event_json() const;  // REQUIRES: carries_event()
};

// Appends payloads.
void encode_hold(std::string& out, const ledger::HoldRecord& record);
void encode_end(std::string& out, const ledger::EndRecord& record);  // the event follows
void encode_write_off(std::string& out, const WriteOff& record);     // the event follows
void encode_account(std::string& out, const AccountId& account);
void encode_windows(std::string& out, const ledger::MovedWindows& record);

// Nothing when the payload is not exactly what its type says. Holds and write-offs of before
// version 5 of the books name no windows: theirs are those of their time in UTC.
std::optional<ledger::HoldRecord> decode_hold(std::string_view payload);
std::optional<ledger::EndRecord> decode_end(std::string_view payload);
std::optional<WriteOff> decode_write_off(std::string_view payload);
std::optional<AccountId> decode_account(std::string_view payload);
std::optional<ledger::MovedWindows> decode_windows(std::string_view payload);

// Appends a whole record; its payload is `head` and then `event`.
// REQUIRES: head.size() + event.size() <= kPayloadBytesMax.
void append_record(std::string& out, RecordType type, uint64_t seq, uint64_t durable_seq,
                   std::string_view head, std::string_view event);

enum class FrameState : uint8_t {
  whole,      // a valid record
  needs,      // cut off by the end of `bytes`
  malformed,  // wrong length, type, checksum or mark
};

// Reads the record at the front of `bytes`. Decodes only the frame; `record` is set when whole.
FrameState read_record(std::string_view bytes, RecordView& record);

inline constexpr size_t kSegmentHeaderBytes = 128;

struct SegmentHeader {
  uint32_t number = 0;      // as in the file name
  uint64_t first_seq = 0;   // of the first record in this segment
  audit::ChainPoint chain;  // the hash chain before it
};

std::string encode_segment_header(const SegmentHeader& header);
std::optional<SegmentHeader> decode_segment_header(std::string_view bytes);

std::string segment_name(uint32_t number);  // "00000001.sgj"

}  // namespace satgate::store
