#include "store/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.h"
#include "base/crypto.h"

namespace satgate::store {
namespace {

static_assert(std::endian::native == std::endian::little, "integers are copied as they are");

constexpr size_t kEndBytes = 8 + 1 + 8 + 1;
constexpr size_t kWriteOffBytes = 16 + 1 + 8 + 8;
using AmountsOfWindows = std::array<int64_t, ledger::kCalendarWindows>;
static_assert(sizeof(ledger::WindowEnds) == 40, "another window needs another kind of record");
constexpr std::string_view kSegmentMagic = "SGJOURN1";

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Reads fixed-size fields off the front; `ok` turns false at the first that is cut off.
struct Fields {
  std::string_view bytes;
  bool ok = true;

  template <class T>
  T take() {
    T value{};
    if (bytes.size() < sizeof value) {
      ok = false;
      return value;
    }
    bytes.copy(reinterpret_cast<char*>(&value), sizeof value);
    bytes.remove_prefix(sizeof value);
    return value;
  }
  AccountId account() { return AccountId{take<std::array<uint8_t, 16>>()}; }
  Money money() { return Money::nano(take<int64_t>()); }
  ledger::WindowEnds windows() { return take<ledger::WindowEnds>(); }
};

// Set in the number of accounts of a hold, and in the kind of account of a write-off: the record
// names its windows.
constexpr uint8_t kNamesWindows = 0x80;
// Set in the kind of account of a write-off, too: the record says what counts in each window.
constexpr uint8_t kNamesAmounts = 0x40;

ledger::WindowEnds windows_in_utc(Time at) {
  // Bytes may say any time; the first second of all can not be rounded down.
  at.unix_ns = std::max(at.unix_ns, kNanoPerSecond - INT64_MAX);
  ledger::WindowEnds ends;
  for (size_t w = 0; w < ends.size(); ++w)
    ends[w] = window_span(kAllWindows[w], at).end;
  return ends;
}

bool is_known(uint8_t type) {
  return type >= static_cast<uint8_t>(RecordType::hold) &&
         type <= static_cast<uint8_t>(RecordType::windows);
}

size_t write_off_bytes(std::string_view payload) {
  if (payload.size() <= sizeof(AccountId)) return kWriteOffBytes;
  const auto kind = static_cast<uint8_t>(payload[sizeof(AccountId)]);
  return kWriteOffBytes + ((kind & kNamesWindows) != 0 ? sizeof(ledger::WindowEnds) : 0) +
         ((kind & kNamesAmounts) != 0 ? sizeof(AmountsOfWindows) : 0);
}

size_t fixed_bytes(RecordType type, std::string_view payload) {
  switch (type) {
    case RecordType::end:
      return kEndBytes;
    case RecordType::write_off:
      return write_off_bytes(payload);
    default:
      return 0;
  }
}

}  // namespace

bool RecordView::carries_event() const {
  return type == RecordType::end || type == RecordType::event || type == RecordType::write_off;
}

std::string_view RecordView::event_json() const {
  const size_t fixed = fixed_bytes(type, payload);
  return payload.size() < fixed ? std::string_view() : payload.substr(fixed);
}

// Most accounts stand in the windows of the call; those are written once, from its second on.
void encode_hold(std::string& out, const ledger::HoldRecord& record) {
  put(out, record.reservation);
  put(out, record.at.unix_ns);
  put(out, record.amount.nano());
  put(out, static_cast<uint8_t>(record.size | kNamesWindows));
  const ledger::WindowEnds usual =
      record.size == 0 ? ledger::WindowEnds{} : record.entries[0].windows;
  if (record.size > 0) put(out, usual);
  for (size_t i = 0; i < record.size; ++i) {
    const ledger::HoldRecord::Entry& entry = record.entries[i];
    out += entry.account.view();
    put(out, static_cast<uint8_t>(entry.kind));
    put(out, static_cast<uint8_t>(entry.windows == usual ? 0 : 1));
    if (entry.windows != usual) put(out, entry.windows);
  }
}

void encode_end(std::string& out, const ledger::EndRecord& record) {
  put(out, record.reservation);
  put(out, static_cast<uint8_t>(record.end));
  put(out, record.cost.nano());
  put(out, static_cast<uint8_t>(record.overrun ? 1 : 0));
}

void encode_write_off(std::string& out, const WriteOff& record) {
  out += record.account.view();
  put(out, static_cast<uint8_t>(static_cast<uint8_t>(record.kind) | kNamesWindows | kNamesAmounts));
  put(out, record.loss.amount.nano());
  put(out, record.at.unix_ns);
  put(out, record.loss.windows);
  for (const Money amount : record.loss.in_window)
    put(out, amount.nano());
}

void encode_account(std::string& out, const AccountId& account) {
  out += account.view();
}

void encode_windows(std::string& out, const ledger::MovedWindows& record) {
  out += record.account.view();
  put(out, record.windows);
}

namespace {

// The windows of an account where they are not the usual ones. Nothing: it can not be read.
std::optional<ledger::WindowEnds> other_windows(Fields& fields, bool names_windows) {
  if (names_windows) return fields.windows();
  const Time counts_at{fields.take<int64_t>()};
  if (counts_at == Time()) return std::nullopt;
  return windows_in_utc(counts_at);
}

}  // namespace

std::optional<ledger::HoldRecord> decode_hold(std::string_view payload) {
  Fields fields{payload};
  ledger::HoldRecord record;
  record.reservation = fields.take<uint64_t>();
  record.at.unix_ns = fields.take<int64_t>();
  record.amount = fields.money();
  const auto size = fields.take<uint8_t>();
  const bool names_windows = (size & kNamesWindows) != 0;
  record.size = size & ~kNamesWindows;
  if (record.size > record.entries.size() || record.amount.is_negative()) return std::nullopt;
  ledger::WindowEnds usual{};
  if (record.size > 0) usual = names_windows ? fields.windows() : windows_in_utc(record.at);
  for (size_t i = 0; i < record.size; ++i) {
    ledger::HoldRecord::Entry& entry = record.entries[i];
    entry.account = fields.account();
    const auto kind = fields.take<uint8_t>();
    if (kind > static_cast<uint8_t>(kLastAccountKind)) return std::nullopt;
    entry.kind = static_cast<AccountKind>(kind);
    entry.windows = usual;
    const auto has_other = fields.take<uint8_t>();
    if (has_other > 1) return std::nullopt;
    if (has_other == 0) continue;
    const auto windows = other_windows(fields, names_windows);
    if (!windows || (names_windows && (i == 0 || *windows == usual))) return std::nullopt;
    entry.windows = *windows;
  }
  if (!fields.ok || !fields.bytes.empty() || record.reservation == 0) return std::nullopt;
  return record;
}

std::optional<ledger::EndRecord> decode_end(std::string_view payload) {
  Fields fields{payload};
  ledger::EndRecord record;
  record.reservation = fields.take<uint64_t>();
  const auto end = fields.take<uint8_t>();
  record.cost = fields.money();
  const auto overrun = fields.take<uint8_t>();
  if (!fields.ok || end > static_cast<uint8_t>(Receipt::End::forfeited) || overrun > 1 ||
      record.cost.is_negative() || record.reservation == 0) {
    return std::nullopt;
  }
  record.end = static_cast<Receipt::End>(end);
  record.overrun = overrun == 1;
  return record;
}

std::optional<WriteOff> decode_write_off(std::string_view payload) {
  Fields fields{payload};
  WriteOff record;
  record.account = fields.account();
  const auto kind = fields.take<uint8_t>();
  ledger::Loss& loss = record.loss;
  loss.amount = fields.money();
  record.at.unix_ns = fields.take<int64_t>();
  loss.windows = (kind & kNamesWindows) != 0 ? fields.windows() : windows_in_utc(record.at);
  for (Money& amount : loss.in_window)
    amount = (kind & kNamesAmounts) != 0 ? fields.money() : loss.amount;
  const auto plain_kind = static_cast<uint8_t>(kind & ~(kNamesWindows | kNamesAmounts));
  if (plain_kind > static_cast<uint8_t>(kLastAccountKind)) return std::nullopt;
  record.kind = static_cast<AccountKind>(plain_kind);
  const auto negative = [](Money amount) { return amount.is_negative(); };
  if (!fields.ok || negative(loss.amount) || std::ranges::any_of(loss.in_window, negative)) {
    return std::nullopt;
  }
  return record;
}

std::optional<AccountId> decode_account(std::string_view payload) {
  Fields fields{payload};
  const AccountId account = fields.account();
  if (!fields.ok || !fields.bytes.empty()) return std::nullopt;
  return account;
}

std::optional<ledger::MovedWindows> decode_windows(std::string_view payload) {
  Fields fields{payload};
  const ledger::MovedWindows record{fields.account(), fields.windows()};
  if (!fields.ok || !fields.bytes.empty()) return std::nullopt;
  return record;
}

void append_record(std::string& out, RecordType type, uint64_t seq, uint64_t durable_seq,
                   std::string_view head, std::string_view event) {
  RELEASE_ASSERT(head.size() + event.size() <= kPayloadBytesMax);
  const size_t start = out.size();
  put(out, static_cast<uint32_t>(head.size() + event.size()));
  put(out, uint32_t{0});
  put(out, seq);
  put(out, durable_seq);
  put(out, static_cast<uint64_t>(type));
  out += head;
  out += event;
  const std::string_view record = std::string_view(out).substr(start);
  const uint32_t crc = crc32c(record.substr(8), crc32c(record.substr(0, 4)));
  std::memcpy(out.data() + start + 4, &crc, sizeof crc);
  out += kRecordMark;
}

FrameState read_record(std::string_view bytes, RecordView& record) {
  if (bytes.size() < kRecordHeadBytes) return FrameState::needs;
  Fields fields{bytes};
  const auto length = fields.take<uint32_t>();
  const auto crc = fields.take<uint32_t>();
  if (length == 0 || length > kPayloadBytesMax) return FrameState::malformed;
  if (bytes.size() < length + kRecordFrameBytes) return FrameState::needs;
  RecordView view;
  view.seq = fields.take<uint64_t>();
  view.durable_seq = fields.take<uint64_t>();
  const auto type = fields.take<uint64_t>();
  const std::string_view covered = bytes.substr(8, kRecordHeadBytes - 8 + length);
  if (crc32c(covered, crc32c(bytes.substr(0, 4))) != crc) return FrameState::malformed;
  if (bytes.substr(kRecordHeadBytes + length, kRecordMarkBytes) != kRecordMark) {
    return FrameState::malformed;
  }
  if (type > 0xff || !is_known(static_cast<uint8_t>(type))) return FrameState::malformed;
  view.type = static_cast<RecordType>(type);
  view.payload = bytes.substr(kRecordHeadBytes, length);
  if (view.carries_event() && view.event_json().empty()) return FrameState::malformed;
  record = view;
  return FrameState::whole;
}

std::string encode_segment_header(const SegmentHeader& header) {
  std::string out(kSegmentMagic);
  put(out, uint32_t{1});  // format version
  put(out, header.number);
  put(out, header.first_seq);
  put(out, header.chain.seq);
  out += as_bytes_view(header.chain.hash);
  out.resize(kSegmentHeaderBytes - 4, '\0');
  put(out, crc32c(out));
  return out;
}

std::optional<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kSegmentMagic)) return std::nullopt;
  bytes = bytes.substr(0, kSegmentHeaderBytes);
  Fields tail{bytes.substr(kSegmentHeaderBytes - 4)};
  if (tail.take<uint32_t>() != crc32c(bytes.substr(0, kSegmentHeaderBytes - 4))) {
    return std::nullopt;
  }
  Fields fields{bytes.substr(kSegmentMagic.size())};
  if (fields.take<uint32_t>() != 1) return std::nullopt;
  SegmentHeader header;
  header.number = fields.take<uint32_t>();
  header.first_seq = fields.take<uint64_t>();
  header.chain.seq = fields.take<uint64_t>();
  header.chain.hash = fields.take<Hash256>();
  return header;
}

std::string segment_name(uint32_t number) {
  return fmt::format("{:08}.sgj", number);
}

}  // namespace satgate::store
