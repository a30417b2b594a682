// Reads the journal in order: for recovery, for the projection into SQLite, and for proof.
//
// Only one thing may be wrong with a journal: its very last write may be torn. Everything else
// (a flipped byte, a gap, a missing or shortened segment) is damage, and an error that names file,
// record and byte. The two are told apart like this:
//  - a bad record with a valid one after it is damage; so is one that is not the beginning of a
//    record with nothing behind it, and one that is known to have been on disk;
//  - after a power failure the kernel may have written later pages and not earlier ones. Then a bad
//    record with valid ones behind it is still a torn tail, unless one of those says (durable_seq)
//    that the bad one was on disk already.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "audit/chain.h"
#include "base/result.h"
#include "store/files.h"
#include "store/record.h"

namespace satgate::store {

struct ReadOptions {
  uint64_t from_seq = 1;      // the first record to return
  bool power_failed = false;  // the machine may have stopped since the last write
  uint64_t durable_seq = 0;   // known from elsewhere to be on disk
  bool count_only = false;    // chain() counts events and hashes none: for those who only search
};

struct RecordPlace {
  uint32_t segment = 0;
  uint64_t seq = 0;
  uint64_t offset = 0;  // in the segment
};

class JournalReader {
 public:
  // A directory without segments reads as an empty journal.
  static Result<JournalReader> open(const std::filesystem::path& directory,
                                    const ReadOptions& options);

  // The next record, or false at the end. Views stay valid until the next call.
  Result<bool> next(RecordView& record);
  // For following a journal that is being written: never reads past `up_to`, which must have been
  // written already.
  Result<bool> next(RecordView& record, uint64_t up_to);

  // After `next` answered false: where the journal ends.
  uint64_t next_seq() const { return next_seq_; }
  uint32_t segment() const { return number_; }  // 0: there is none
  uint64_t offset() const { return offset_; }   // in that segment
  uint64_t torn_bytes() const { return torn_bytes_; }
  // The hash chain over every event up to here.
  const audit::Chain& chain() const { return chain_; }

  // Of the record returned last; the second as "00000001.sgj, record 7 at byte 1234".
  RecordPlace last() const { return {number_, next_seq_ - 1, last_offset_}; }
  std::string place() const { return describe(last()); }
  std::string describe(const RecordPlace& place) const;

 private:
  explicit JournalReader(std::filesystem::path directory, const ReadOptions& options)
      : directory_(std::move(directory)), options_(options) {}

  Result<void> enter_segment(uint32_t number);
  Result<bool> read_here(RecordView& record, bool following);
  Result<bool> at_end(bool following);
  Result<bool> classify_tail();
  Result<std::string_view> bytes_at(uint64_t offset, size_t size);
  bool has_next_segment() const;
  std::unexpected<Error> damage(std::string_view what) const;

  std::filesystem::path directory_;
  ReadOptions options_;
  Fd file_;
  uint32_t number_ = 0;
  uint64_t offset_ = 0;
  uint64_t next_seq_ = 1;
  uint64_t torn_bytes_ = 0;
  uint64_t last_offset_ = 0;
  std::string buffer_;  // of the segment, from buffer_offset_ on
  uint64_t buffer_offset_ = 0;
  audit::Chain chain_;
};

// Numbers of the segments in a directory, ascending. Other files are not looked at.
Result<std::vector<uint32_t>> list_segments(const std::filesystem::path& directory);
// Their headers. A last one that never reached the disk is left out.
Result<std::vector<SegmentHeader>> list_segment_headers(const std::filesystem::path& directory);

}  // namespace satgate::store
