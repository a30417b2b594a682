#include "store/record.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "base/assert.h"
#include "base/crypto.h"

namespace satgate::store {
namespace {

static_assert(std::endian::native == std::endian::little, "integers are copied as they are");

constexpr size_t kEndBytes = 8 + 1 + 8 + 1;
constexpr size_t kWriteOffBytes = 16 + 1 + 8 + 8;
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
};

bool is_known(uint8_t type) {
  return type >= static_cast<uint8_t>(RecordType::hold) &&
         type <= static_cast<uint8_t>(RecordType::write_off);
}

size_t fixed_bytes(RecordType type) {
  switch (type) {
    case RecordType::end:
      return kEndBytes;
    case RecordType::write_off:
      return kWriteOffBytes;
    default:
      return 0;
  }
}

}  // namespace

bool RecordView::carries_event() const {
  return type == RecordType::end || type == RecordType::event || type == RecordType::write_off;
}

std::string_view RecordView::event_json() const {
  const size_t fixed = fixed_bytes(type);
  return payload.size() < fixed ? std::string_view() : payload.substr(fixed);
}

void encode_hold(std::string& out, const ledger::HoldRecord& record) {
  put(out, record.reservation);
  put(out, record.at.unix_ns);
  put(out, record.amount.nano());
  put(out, static_cast<uint8_t>(record.size));
  for (size_t i = 0; i < record.size; ++i) {
    out += record.entries[i].account.view();
    put(out, static_cast<uint8_t>(record.entries[i].kind));
    const Time counts_at = record.entries[i].counts_at;
    put(out, static_cast<uint8_t>(counts_at == Time() ? 0 : 1));
    if (counts_at != Time()) put(out, counts_at.unix_ns);
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
  put(out, static_cast<uint8_t>(record.kind));
  put(out, record.amount.nano());
  put(out, record.at.unix_ns);
}

void encode_account(std::string& out, const AccountId& account) {
  out += account.view();
}

std::optional<ledger::HoldRecord> decode_hold(std::string_view payload) {
  Fields fields{payload};
  ledger::HoldRecord record;
  record.reservation = fields.take<uint64_t>();
  record.at.unix_ns = fields.take<int64_t>();
  record.amount = fields.money();
  record.size = fields.take<uint8_t>();
  if (record.size > record.entries.size() || record.amount.is_negative()) return std::nullopt;
  for (size_t i = 0; i < record.size; ++i) {
    record.entries[i].account = fields.account();
    const auto kind = fields.take<uint8_t>();
    if (kind > static_cast<uint8_t>(AccountKind::rate)) return std::nullopt;
    record.entries[i].kind = static_cast<AccountKind>(kind);
    const auto has_time = fields.take<uint8_t>();
    if (has_time > 1) return std::nullopt;
    if (has_time == 0) continue;
    record.entries[i].counts_at.unix_ns = fields.take<int64_t>();
    if (record.entries[i].counts_at == Time()) return std::nullopt;
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
  record.amount = fields.money();
  record.at.unix_ns = fields.take<int64_t>();
  if (kind > static_cast<uint8_t>(AccountKind::rate)) return std::nullopt;
  record.kind = static_cast<AccountKind>(kind);
  if (!fields.ok || record.amount.is_negative()) return std::nullopt;
  return record;
}

std::optional<AccountId> decode_account(std::string_view payload) {
  Fields fields{payload};
  const AccountId account = fields.account();
  if (!fields.ok || !fields.bytes.empty()) return std::nullopt;
  return account;
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
