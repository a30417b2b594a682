#include "store/journal_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace satgate::store {
namespace {

constexpr size_t kWindowBytes = 1024 * 1024;
constexpr size_t kRecordBytesMax = kPayloadBytesMax + kRecordFrameBytes;
// A segment is never larger than the largest batch allows; more is not our file.
constexpr uint64_t kSegmentBytesMax =
    limits::journal_segment_bytes + limits::journal_batch_bytes + 2 * kRecordBytesMax;

bool is_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

// Whether `rest`, up to its last byte that is not zero, can be the beginning of one record.
bool is_cut_short(std::string_view rest) {
  uint32_t length = 0;
  std::memcpy(&length, rest.data(), std::min(rest.size(), sizeof length));
  return length <= kPayloadBytesMax && rest.size() < length + kRecordFrameBytes &&
         !rest.ends_with(kRecordMark);
}

// Whether `header`, up to its last byte that is not zero, is less than a whole header of the
// segment with this number, which starts with this record.
bool is_cut_header(std::string_view header, uint32_t number, uint64_t first_seq) {
  constexpr size_t kKnownBytes = 24;  // what stands before the hash chain
  const size_t size = header.find_last_not_of('\0') + 1;
  const std::string whole = encode_segment_header({number, first_seq, {}});
  const size_t known = std::min(size, kKnownBytes);
  return size < kSegmentHeaderBytes && header.substr(0, known) == whole.substr(0, known);
}

// Whether any whole record after `expected` stands in `bytes`, and if so the greatest durable_seq
// that one of them states.
std::optional<uint64_t> later_records(std::string_view bytes, uint64_t expected) {
  std::optional<uint64_t> durable;
  for (size_t at = 1; at + kRecordFrameBytes <= bytes.size(); ++at) {
    uint64_t seq = 0;
    std::memcpy(&seq, bytes.data() + at + 8, sizeof seq);
    if (seq <= expected || seq - expected > bytes.size() / kRecordFrameBytes) continue;
    RecordView record;
    if (read_record(bytes.substr(at), record) != FrameState::whole) continue;
    durable = std::max(durable.value_or(0), record.durable_seq);
    at += record.size() - 1;
  }
  return durable;
}

}  // namespace

Result<std::vector<uint32_t>> list_segments(const std::filesystem::path& directory) {
  std::vector<uint32_t> numbers;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.ends_with(".sgj")) continue;
    const auto number = parse_uint(std::string_view(name).substr(0, name.size() - 4));
    if (!number || *number == 0 || *number > UINT32_MAX ||
        segment_name(static_cast<uint32_t>(*number)) != name) {
      return fail(fmt::format("{} is not a name of a journal segment", it->path().string()));
    }
    numbers.push_back(static_cast<uint32_t>(*number));
  }
  if (error) return fail(fmt::format("cannot list {}: {}", directory.string(), error.message()));
  std::sort(numbers.begin(), numbers.end());
  for (size_t i = 0; i < numbers.size(); ++i) {
    const auto wanted = static_cast<uint32_t>(i + 1);
    if (numbers[i] != wanted) {
      return fail(fmt::format("journal segment {} is missing; restore it from a backup",
                              (directory / segment_name(wanted)).string()));
    }
  }
  return numbers;
}

Result<std::vector<SegmentHeader>> list_segment_headers(const std::filesystem::path& directory) {
  TRY_ASSIGN(const auto numbers, list_segments(directory));
  std::vector<SegmentHeader> headers;
  for (const uint32_t number : numbers) {
    TRY_ASSIGN(const Fd fd, open_file(directory / segment_name(number), O_RDONLY));
    std::array<char, kSegmentHeaderBytes> bytes{};
    const ssize_t got = ::pread(fd.get(), bytes.data(), bytes.size(), 0);
    auto header =
        decode_segment_header({bytes.data(), static_cast<size_t>(std::max<ssize_t>(got, 0))});
    if (header && header->number == number) headers.push_back(*header);
  }
  return headers;
}

std::string JournalReader::describe(const RecordPlace& place) const {
  return fmt::format("{}, record {} at byte {}",
                     (directory_ / segment_name(place.segment)).string(), place.seq, place.offset);
}

std::unexpected<Error> JournalReader::damage(std::string_view what) const {
  return fail(
      fmt::format("the journal is damaged: {}, record {} at byte {}: {}. Nothing is guessed: "
                  "restore the data directory from a backup; `satgate audit verify` says what is "
                  "intact",
                  (directory_ / segment_name(number_)).string(), next_seq_, offset_, what));
}

Result<JournalReader> JournalReader::open(const std::filesystem::path& directory,
                                          const ReadOptions& options) {
  TRY_ASSIGN(const auto numbers, list_segments(directory));
  TRY_ASSIGN(const auto headers, list_segment_headers(directory));
  JournalReader reader(directory, options);
  // The segment that holds `from_seq` is the last one that does not start after it.
  uint32_t start = numbers.empty() ? 0 : 1;
  for (const SegmentHeader& header : headers) {
    if (header.first_seq <= std::max<uint64_t>(options.from_seq, 1)) start = header.number;
  }
  // The very first may have been cut off while it was made, as any next one.
  if (numbers.size() == 1 && !reader.has_next_segment()) start = 0;
  if (start != 0) TRY(reader.enter_segment(start));
  return reader;
}

// Opens segment `number` at its first record. A last segment whose header never reached the disk
// reads as the end of the one before.
Result<void> JournalReader::enter_segment(uint32_t number) {
  TRY_ASSIGN(Fd file, open_file(directory_ / segment_name(number), O_RDONLY));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 ||
      static_cast<uint64_t>(status.st_size) > kSegmentBytesMax) {
    return damage("the file has no plausible size");
  }
  // Read-ahead behind the writer would put large pages where it appends, and triple its cost.
  // Before another segment nobody writes.
  std::error_code unknown;
  const bool is_complete = std::filesystem::exists(directory_ / segment_name(number + 1), unknown);
  static_cast<void>(
      ::posix_fadvise(file.get(), 0, 0, is_complete ? POSIX_FADV_SEQUENTIAL : POSIX_FADV_RANDOM));
  const bool is_first = number_ == 0;
  file_ = std::move(file);
  buffer_.clear();
  buffer_offset_ = 0;
  TRY_ASSIGN(const std::string_view bytes, bytes_at(0, kSegmentHeaderBytes));
  const auto header = decode_segment_header(bytes);
  if (!header || header->number != number) {
    number_ = number;
    offset_ = 0;
    return damage("the segment's header is wrong");
  }
  if (!is_first && header->first_seq != next_seq_) {
    return damage(fmt::format("records {} to {} are missing at the end of this segment", next_seq_,
                              header->first_seq - 1));
  }
  number_ = number;
  offset_ = kSegmentHeaderBytes;
  if (is_first) {
    next_seq_ = header->first_seq;
    chain_ = audit::Chain(header->chain);
    if (number == 1 && (next_seq_ != 1 || header->chain != audit::ChainPoint{})) {
      return damage("the first segment does not start the journal");
    }
  } else if (options_.count_only ? header->chain.seq != chain_.at().seq
                                 : header->chain != chain_.at()) {
    return damage("the segment's header does not continue the hash chain");
  }
  return {};
}

// At least `size` bytes at `offset` if the file has them, and more when they are at hand.
Result<std::string_view> JournalReader::bytes_at(uint64_t offset, size_t size) {
  const bool held = offset >= buffer_offset_ && offset + size <= buffer_offset_ + buffer_.size();
  if (!held) {
    struct stat status{};
    if (::fstat(file_.get(), &status) != 0) return damage("cannot tell the size of the file");
    const auto end = static_cast<uint64_t>(status.st_size);
    buffer_.resize(std::min(std::max(size, kWindowBytes), end > offset ? end - offset : 0));
    buffer_offset_ = offset;
    size_t filled = 0;
    while (filled < buffer_.size()) {
      const ssize_t got = ::pread(file_.get(), buffer_.data() + filled, buffer_.size() - filled,
                                  static_cast<off_t>(offset + filled));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return damage(fmt::format("cannot read: {}", errno_text(errno)));
      if (got == 0) break;
      filled += static_cast<size_t>(got);
    }
    buffer_.resize(filled);
  }
  return std::string_view(buffer_).substr(offset - buffer_offset_);
}

// Whether the next segment was begun. One that was cut off while its header was written was not:
// nothing was written after it.
bool JournalReader::has_next_segment() const {
  const auto next = directory_ / segment_name(number_ + 1);
  const auto file = open_file(next, O_RDONLY);
  // One that is there and can not be opened is no leftover: who enters it says what is wrong.
  std::error_code error;
  if (!file)
    return std::filesystem::symlink_status(next, error).type() !=
           std::filesystem::file_type::not_found;
  std::array<char, kSegmentHeaderBytes> header{};
  const ssize_t got = ::pread(file->get(), header.data(), header.size(), 0);
  if (got < 0 || !is_cut_header({header.data(), header.size()}, number_ + 1, next_seq_))
    return true;
  struct stat status{};
  if (::fstat(file->get(), &status) != 0) return true;
  const auto bytes =
      read_file(next, std::min(kSegmentBytesMax, static_cast<uint64_t>(status.st_size)));
  return !bytes || (bytes->size() > header.size() &&
                    !is_zero(std::string_view(*bytes).substr(header.size())));
}

Result<bool> JournalReader::next(RecordView& record) {
  do {
    TRY_ASSIGN(const bool found, read_here(record, false));
    if (!found) return false;
  } while (record.seq < options_.from_seq);
  return true;
}

Result<bool> JournalReader::next(RecordView& record, uint64_t up_to) {
  while (next_seq_ <= up_to) {
    TRY_ASSIGN(const bool found, read_here(record, true));
    if (!found) return damage("it was written and is not there any more");
    if (record.seq >= options_.from_seq) return true;
  }
  return false;
}

Result<bool> JournalReader::read_here(RecordView& record, bool following) {
  if (number_ == 0) {
    // Nothing was written when this reader was made.
    std::error_code error;
    if (!following || !std::filesystem::exists(directory_ / segment_name(1), error)) return false;
    TRY(enter_segment(1));
  }
  while (true) {
    TRY_ASSIGN(std::string_view bytes, bytes_at(offset_, kRecordHeadBytes));
    FrameState state = read_record(bytes, record);
    if (state != FrameState::whole) {
      // The window may end inside the record, or be older than it.
      buffer_.clear();
      TRY_ASSIGN(bytes, bytes_at(offset_, kWindowBytes));
      state = read_record(bytes, record);
    }
    if (state == FrameState::whole) break;
    TRY_ASSIGN(const bool more, at_end(following));
    if (!more) return false;
  }
  if (record.seq != next_seq_) {
    return damage(fmt::format("here stands record {} instead", record.seq));
  }
  if (record.carries_event()) {
    if (options_.count_only) {
      chain_ = audit::Chain({chain_.at().seq + 1, {}});
    } else {
      chain_.append(record.event_json());
    }
  }
  last_offset_ = offset_;
  offset_ += record.size();
  ++next_seq_;
  return true;
}

// No whole record at offset_. True: the next segment was entered. False: the journal ends here.
Result<bool> JournalReader::at_end(bool following) {
  if (!has_next_segment()) {
    if (following) return false;
    return classify_tail();
  }
  TRY_ASSIGN(const std::string_view rest, bytes_at(offset_, kSegmentBytesMax));
  if (!is_zero(rest)) return damage("its bytes were changed or cut off");
  TRY(enter_segment(number_ + 1));
  return true;
}

// Decides whether what stands at the end of the last segment is nothing, torn, or damaged.
Result<bool> JournalReader::classify_tail() {
  buffer_.clear();
  TRY_ASSIGN(std::string_view rest, bytes_at(offset_, kSegmentBytesMax));
  const size_t last = rest.find_last_not_of('\0');
  if (next_seq_ <= options_.durable_seq) {
    return damage(fmt::format("records up to {} were on disk and are not there any more",
                              options_.durable_seq));
  }
  if (last == std::string_view::npos) return false;
  // Beside a running gateway the record may have been completed a moment ago.
  RecordView record;
  if (read_record(rest, record) == FrameState::whole) return true;
  rest = rest.substr(0, last + 1);
  const auto later = later_records(rest, next_seq_);
  if (later && !options_.power_failed) return damage("its bytes were changed");
  if (later && *later >= next_seq_) {
    return damage("its bytes were changed after it had been written to disk");
  }
  if (!options_.power_failed && !is_cut_short(rest)) return damage("its bytes were changed");
  torn_bytes_ = rest.size();
  return false;
}

}  // namespace satgate::store
