#include "store/journal.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/read_ahead.h"
#include "store/store_test_support.h"

namespace satgate::store {
namespace {

using testing::HasSubstr;

ledger::HoldRecord sample_hold(uint64_t reservation) {
  ledger::HoldRecord hold;
  hold.reservation = reservation;
  hold.at = Time::seconds(1'700'000'000);
  hold.amount = Money::credits(2);
  hold.size = 2;
  hold.entries[0] = {account_id("token", "a"), AccountKind::token, {1, 60, 3600, 86400, 2678400}};
  hold.entries[1] = {
      account_id("budget", "b"), AccountKind::budget, {61, 120, 3600, 86400, 2678400}};
  return hold;
}

JournalOptions options_for(const TempDir& dir, Files* files = &system_files(),
                           uint64_t segment_bytes = 64 * 1024) {
  JournalOptions options;
  options.directory = dir.path();
  options.segment_bytes = segment_bytes;
  options.files = files;
  return options;
}

Result<std::unique_ptr<Journal>> open_journal(const JournalOptions& options,
                                              const ReadOptions& read = {}) {
  TRY_ASSIGN(auto reader, JournalReader::open(options.directory, read));
  RecordView record;
  while (true) {
    TRY_ASSIGN(const bool found, reader.next(record));
    if (!found) return Journal::open(options, reader);
  }
}

std::string event_json(int number) {
  return fmt::format(R"({{"time":"2026-01-01T00:00:00.000Z","n":{}}})", number);
}

void append_events(Journal& journal, int count) {
  for (int i = 0; i < count; ++i)
    ASSERT_TRUE(journal.append({RecordType::event, {}, event_json(i)}));
}

struct Contents {
  uint64_t records = 0;
  audit::ChainPoint chain;
  uint64_t torn_bytes = 0;
  std::string error;
};

Contents read_all(const std::filesystem::path& dir, const ReadOptions& options = {}) {
  Contents contents;
  auto reader = JournalReader::open(dir, options);
  if (!reader) return {0, {}, 0, reader.error().message};
  RecordView record;
  while (true) {
    const auto found = reader->next(record);
    if (!found) {
      contents.error = found.error().message;
      break;
    }
    if (!*found) break;
    ++contents.records;
  }
  contents.chain = reader->chain().at();
  contents.torn_bytes = reader->torn_bytes();
  return contents;
}

// Cuts the zeros that were reserved, for small files to work on.
std::string trimmed(const std::filesystem::path& file) {
  std::string bytes = slurp(file);
  bytes.resize(bytes.find_last_not_of('\0') + 1);
  return bytes;
}

TEST(Record, PayloadsComeBackAsTheyWere) {
  std::string bytes;
  encode_hold(bytes, sample_hold(7));
  const auto hold = decode_hold(bytes);
  ASSERT_TRUE(hold);
  EXPECT_EQ(hold->reservation, 7U);
  EXPECT_EQ(hold->amount, Money::credits(2));
  ASSERT_EQ(hold->size, 2U);
  EXPECT_EQ(hold->entries[1].account, account_id("budget", "b"));
  EXPECT_EQ(hold->entries[1].kind, AccountKind::budget);
  EXPECT_EQ(hold->entries[0].windows, sample_hold(7).entries[0].windows);
  EXPECT_EQ(hold->entries[1].windows, sample_hold(7).entries[1].windows);
  for (size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(decode_hold(std::string_view(bytes).substr(0, cut))) << cut;
  EXPECT_FALSE(decode_hold(bytes + "x"));

  bytes.clear();
  encode_end(bytes, {9, Receipt::End::forfeited, Money::nano(3), true});
  const auto end = decode_end(bytes + "{}");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->reservation, 9U);
  EXPECT_EQ(end->end, Receipt::End::forfeited);
  EXPECT_EQ(end->cost, Money::nano(3));
  EXPECT_TRUE(end->overrun);

  bytes.clear();
  const ledger::WindowEnds windows = {1, 60, 3600, 86400, 2678400};
  const std::array<Money, ledger::kCalendarWindows> in_window = {
      Money::nano(9), Money::nano(8), Money::nano(7), Money::nano(6), Money::nano(5)};
  encode_write_off(bytes, {account_id("token", "a"),
                           AccountKind::policy,
                           Time{6},
                           {Money::nano(5), windows, in_window}});
  const auto write_off = decode_write_off(bytes);
  ASSERT_TRUE(write_off);
  EXPECT_EQ(write_off->kind, AccountKind::policy);
  EXPECT_EQ(write_off->loss.amount, Money::nano(5));
  EXPECT_EQ(write_off->at, Time{6});
  EXPECT_EQ(write_off->loss.windows, windows);
  EXPECT_EQ(write_off->loss.in_window, in_window);
  EXPECT_EQ((RecordView{.type = RecordType::write_off, .payload = bytes + "{}"}.event_json()),
            "{}");

  bytes.clear();
  encode_windows(bytes, {account_id("token", "a"), windows});
  const auto moved = decode_windows(bytes);
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->account, account_id("token", "a"));
  EXPECT_EQ(moved->windows, windows);
  EXPECT_FALSE(decode_windows(bytes + "x"));
}

template <class T>
void put(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// As versions 1 to 4 of the books wrote them: the windows are those of an instant in UTC.
TEST(Record, HoldsAndWriteOffsOfBeforeNamedNoWindows) {
  const Time at = *parse_time("2026-04-09T12:00:30Z");
  const Time counts_at = *parse_time("2026-05-01T00:00:00Z");
  const auto ends_at = [](Time t) {
    ledger::WindowEnds ends;
    for (size_t w = 0; w < ends.size(); ++w)
      ends[w] = window_span(kAllWindows[w], t).end;
    return ends;
  };
  std::string hold;
  put(hold, uint64_t{7});
  put(hold, at.unix_ns);
  put(hold, int64_t{2});
  put(hold, uint8_t{2});
  hold += account_id("token", "a").view();
  hold += std::string_view("\0\0", 2);
  hold += account_id("budget", "b").view();
  hold += std::string_view("\4\1", 2);
  put(hold, counts_at.unix_ns);
  const auto read = decode_hold(hold);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->entries[0].windows, ends_at(at));
  EXPECT_EQ(read->entries[1].windows, ends_at(counts_at));
  // Written again it names them.
  std::string again;
  encode_hold(again, *read);
  const auto reread = decode_hold(again);
  ASSERT_TRUE(reread);
  EXPECT_EQ(reread->entries[1].windows, read->entries[1].windows);

  std::string write_off(account_id("token", "a").view());
  put(write_off, uint8_t{1});
  put(write_off, int64_t{5});
  put(write_off, at.unix_ns);
  const auto lost = decode_write_off(write_off);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->kind, AccountKind::lineage);
  EXPECT_EQ(lost->loss.windows, ends_at(at));
  EXPECT_EQ(lost->loss.in_window[0], Money::nano(5));
  EXPECT_EQ(lost->loss.in_window[4], Money::nano(5));
  write_off += "{}";
  const RecordView record{.type = RecordType::write_off, .payload = write_off};
  EXPECT_EQ(record.event_json(), "{}");
}

TEST(Journal, GoesOnWhereItStoppedOverManySegments) {
  TempDir dir;
  audit::ChainPoint chain;
  for (int round = 0; round < 5; ++round) {
    auto journal = open_journal(options_for(dir, &system_files(), 2048));
    ASSERT_TRUE(journal) << journal.error().message;
    EXPECT_EQ((*journal)->chain(), chain);
    append_events(**journal, 30);
    chain = (*journal)->chain();
  }
  EXPECT_GT(list_segments(dir.path())->size(), 4U);
  const Contents contents = read_all(dir.path());
  EXPECT_EQ(contents.error, "");
  EXPECT_EQ(contents.records, 150U);
  EXPECT_EQ(contents.chain, chain);
  EXPECT_EQ(contents.torn_bytes, 0U);
  ReadOptions late;
  late.from_seq = 149;
  EXPECT_EQ(read_all(dir.path(), late).records, 2U);
  EXPECT_EQ(read_all(dir.path(), late).chain, chain);
}

TEST(Journal, AFollowerSeesWhatIsAppendedAcrossSegments) {
  TempDir dir;
  auto journal = open_journal(options_for(dir, &system_files(), 2048));
  ASSERT_TRUE(journal);
  auto reader = JournalReader::open(dir.path(), {});
  ASSERT_TRUE(reader);
  RecordView record;
  uint64_t seen = 0;
  for (int round = 0; round < 40; ++round) {
    append_events(**journal, 3);
    while (true) {
      const auto found = reader->next(record, (*journal)->last_seq());
      ASSERT_TRUE(found) << found.error().message;
      if (!*found) break;
      EXPECT_EQ(record.seq, ++seen);
    }
    EXPECT_EQ(seen, (*journal)->last_seq());
  }
}

TEST(Journal, ATornLastRecordIsDroppedAtEveryLength) {
  TempDir dir;
  {
    auto journal = open_journal(options_for(dir));
    append_events(**journal, 3);
  }
  const auto file = dir.path() / segment_name(1);
  const std::string whole = trimmed(file);
  const size_t last = kRecordFrameBytes + event_json(2).size();
  for (size_t cut = 1; cut < last; ++cut) {
    for (const size_t zeros : {size_t{0}, size_t{5000}}) {
      spill(file, whole.substr(0, whole.size() - cut) + std::string(zeros, '\0'));
      const Contents contents = read_all(dir.path());
      EXPECT_EQ(contents.error, "") << cut;
      EXPECT_EQ(contents.records, 2U) << cut;
      EXPECT_GT(contents.torn_bytes, 0U) << cut;
    }
  }
  // Known to have been on disk: not a torn tail any more.
  ReadOptions known;
  known.durable_seq = 3;
  EXPECT_THAT(read_all(dir.path(), known).error, HasSubstr("record 3 at byte"));
  // Opening drops it for good and goes on.
  auto journal = open_journal(options_for(dir));
  ASSERT_TRUE(journal) << journal.error().message;
  EXPECT_EQ((*journal)->last_seq(), 2U);
  append_events(**journal, 1);
  EXPECT_EQ(read_all(dir.path()).records, 3U);
}

TEST(Journal, AFlippedBitAnywhereIsFoundAndNamed) {
  TempDir dir;
  {
    auto journal = open_journal(options_for(dir));
    std::string head;
    encode_hold(head, sample_hold(1));
    ASSERT_TRUE((*journal)->append({RecordType::hold, head, {}}));
    append_events(**journal, 2);
  }
  const auto file = dir.path() / segment_name(1);
  const std::string whole = trimmed(file);
  for (const size_t zeros : {size_t{0}, size_t{3000}}) {
    for (size_t at = 0; at < whole.size(); at += zeros == 0 ? 1 : 7) {
      std::string bytes = whole + std::string(zeros, '\0');
      const int bit = static_cast<int>(at % 8);
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      spill(file, bytes);
      const Contents contents = read_all(dir.path());
      ASSERT_THAT(contents.error, HasSubstr("00000001.sgj")) << "byte " << at << " bit " << bit;
      ASSERT_THAT(contents.error, HasSubstr("at byte"));
    }
  }
  EXPECT_FALSE(open_journal(options_for(dir)));
}

TEST(Journal, DamageInOneRecordNamesIt) {
  TempDir dir;
  {
    auto journal = open_journal(options_for(dir));
    append_events(**journal, 9);
  }
  const auto file = dir.path() / segment_name(1);
  std::string bytes = trimmed(file);
  const size_t size = kRecordFrameBytes + event_json(0).size();
  bytes[kSegmentHeaderBytes + 4 * size + kRecordHeadBytes + 3] ^= 1;
  spill(file, bytes);
  const Contents contents = read_all(dir.path());
  EXPECT_EQ(contents.records, 4U);
  EXPECT_THAT(contents.error,
              HasSubstr(fmt::format("record 5 at byte {}", kSegmentHeaderBytes + 4 * size)));
  EXPECT_THAT(contents.error, HasSubstr("backup"));
}

TEST(Journal, AfterAPowerFailureLaterPagesMayExistWithoutEarlierOnes) {
  TempDir dir;
  FaultyFiles files;
  {
    auto options = options_for(dir, &files);
    options.sync_ms = 60'000;  // nothing is known to be on disk
    auto journal = open_journal(options);
    append_events(**journal, 9);
  }
  const auto file = dir.path() / segment_name(1);
  std::string bytes = trimmed(file);
  const size_t size = kRecordFrameBytes + event_json(0).size();
  bytes.replace(kSegmentHeaderBytes + 4 * size, size, size, '\0');
  spill(file, bytes);
  EXPECT_NE(read_all(dir.path()).error, "");  // while the machine ran on: damage
  ReadOptions power;
  power.power_failed = true;
  EXPECT_EQ(read_all(dir.path(), power).error, "");
  EXPECT_EQ(read_all(dir.path(), power).records, 4U);
  power.durable_seq = 5;
  EXPECT_NE(read_all(dir.path(), power).error, "");
}

TEST(Journal, WhatWasSyncedIsDamageEvenAfterAPowerFailure) {
  TempDir dir;
  {
    auto journal = open_journal(options_for(dir));
    append_events(**journal, 5);
    ASSERT_TRUE((*journal)->sync_now());
    append_events(**journal, 4);
  }
  const auto file = dir.path() / segment_name(1);
  std::string bytes = trimmed(file);
  const size_t size = kRecordFrameBytes + event_json(0).size();
  bytes.replace(kSegmentHeaderBytes + 2 * size, size, size, '\0');
  spill(file, bytes);
  ReadOptions power;
  power.power_failed = true;
  EXPECT_THAT(read_all(dir.path(), power).error, HasSubstr("record 3 at byte"));
}

TEST(Journal, MissingAndShortenedSegmentsAreErrors) {
  TempDir dir;
  {
    auto journal = open_journal(options_for(dir, &system_files(), 2048));
    append_events(**journal, 100);
  }
  const auto segments = *list_segments(dir.path());
  ASSERT_GT(segments.size(), 3U);
  TempDir copy;
  dir.copy_to(copy);
  std::filesystem::remove(copy.path() / segment_name(2));
  EXPECT_THAT(read_all(copy.path()).error, HasSubstr("00000002.sgj is missing"));
  dir.copy_to(copy);
  std::filesystem::resize_file(copy.path() / segment_name(2), 700);
  EXPECT_THAT(read_all(copy.path()).error, HasSubstr("00000002.sgj, record"));
  dir.copy_to(copy);
  // Cut off exactly at the end of a record: only the next segment can tell.
  std::filesystem::resize_file(copy.path() / segment_name(2),
                               kSegmentHeaderBytes + kRecordFrameBytes + event_json(10).size());
  EXPECT_THAT(read_all(copy.path()).error, HasSubstr("are missing at the end"));
  dir.copy_to(copy);
  std::filesystem::remove(copy.path() / segment_name(segments.back()));
  ReadOptions known;
  known.durable_seq = 100;
  EXPECT_THAT(read_all(copy.path(), known).error, HasSubstr("not there any more"));
  dir.copy_to(copy);
  std::filesystem::copy_file(copy.path() / segment_name(2), copy.path() / segment_name(3),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(read_all(copy.path()).error, HasSubstr("header is wrong"));
}

TEST(Journal, ASegmentThatWasCutOffWhileItWasMadeIsMadeAgain) {
  TempDir dir;
  {
    auto journal = open_journal(options_for(dir));
    append_events(**journal, 3);
  }
  for (const size_t size : {size_t{0}, size_t{5000}}) {
    spill(dir.path() / segment_name(2), std::string(size, '\0'));
    EXPECT_EQ(read_all(dir.path()).error, "");
    auto journal = open_journal(options_for(dir, &system_files(), 600));
    ASSERT_TRUE(journal) << journal.error().message;
    append_events(**journal, 1);
  }
}

// Found by BankModelTest: what such a segment left behind says where it would have begun. Records
// that still fit before it may come first, and then it looked like a damaged one.
TEST(Journal, ASegmentThatWasCutOffIsForgottenBeforeMoreIsWritten) {
  TempDir dir;
  {
    append_events(**open_journal(options_for(dir)), 2);
  }
  spill(dir.path() / segment_name(2), encode_segment_header({2, 3, {}}).substr(0, 40));
  {
    append_events(**open_journal(options_for(dir)), 2);
  }
  const Contents contents = read_all(dir.path());
  EXPECT_EQ(contents.error, "");
  EXPECT_EQ(contents.records, 4U);
  EXPECT_EQ(list_segments(dir.path())->size(), 1U);
}

TEST(Journal, ASegmentThatCanNotBeOpenedIsNotForgotten) {
  TempDir dir;
  {
    auto journal = open_journal(options_for(dir));
    append_events(**journal, 2);
  }
  const auto next = dir.path() / segment_name(2);
  std::filesystem::create_symlink(next, next);  // as unreadable as can be, also for root
  EXPECT_THAT(read_all(dir.path()).error, HasSubstr("00000002.sgj"));
  EXPECT_FALSE(open_journal(options_for(dir)));
  EXPECT_TRUE(std::filesystem::is_symlink(next)) << "it may hold what was spent";
}

TEST(Journal, ASegmentWhoseHeaderWasCutOffIsMadeAgain) {
  TempDir dir;
  {
    auto journal = open_journal(options_for(dir, &system_files(), 600));
    append_events(**journal, 20);
  }
  const auto segments = *list_segments(dir.path());
  const uint32_t last = segments.back();
  const std::string header = slurp(dir.path() / segment_name(last)).substr(0, kSegmentHeaderBytes);
  const uint64_t before = decode_segment_header(header)->first_seq - 1;
  for (size_t cut = 0; cut < kSegmentHeaderBytes; ++cut) {
    std::string torn = header.substr(0, cut);
    torn.resize(600, '\0');
    spill(dir.path() / segment_name(last), torn);
    const Contents contents = read_all(dir.path());
    ASSERT_EQ(contents.error, "") << cut;
    ASSERT_EQ(contents.records, before) << cut;
  }
  auto journal = open_journal(options_for(dir, &system_files(), 600));
  ASSERT_TRUE(journal) << journal.error().message;
  append_events(**journal, 3);
  EXPECT_EQ(read_all(dir.path()).records, before + 3);
}

TEST(Journal, AHeaderOfAnotherSegmentOrWithRecordsBehindItIsDamage) {
  TempDir dir;
  {
    auto journal = open_journal(options_for(dir, &system_files(), 600));
    append_events(**journal, 20);
  }
  const auto file = dir.path() / segment_name(list_segments(dir.path())->back());
  const std::string whole = trimmed(file);
  std::string cut = whole;
  cut.replace(70, kSegmentHeaderBytes - 70, kSegmentHeaderBytes - 70, '\0');
  spill(file, cut);
  EXPECT_THAT(read_all(dir.path()).error, HasSubstr("header is wrong"))
      << "records stand behind it";
  cut = whole.substr(0, 70);
  cut[12] ^= 1;  // its number
  spill(file, cut);
  EXPECT_THAT(read_all(dir.path()).error, HasSubstr("header is wrong"));
  for (size_t at = 0; at < kSegmentHeaderBytes; ++at) {
    std::string flipped = whole.substr(0, kSegmentHeaderBytes);
    flipped[at] ^= 4;
    spill(file, flipped);
    EXPECT_THAT(read_all(dir.path()).error, HasSubstr("header is wrong")) << at;
  }
}

TEST(Journal, FailsForGoodAfterAFailedWrite) {
  for (const int error : {ENOSPC, EIO, EDQUOT}) {
    TempDir dir;
    FaultyFiles files;
    {
      auto journal = open_journal(options_for(dir, &files));
      append_events(**journal, 2);
      files.write_error = error;
      EXPECT_FALSE((*journal)->append({RecordType::event, {}, event_json(2)}));
      files.write_error = 0;
      EXPECT_FALSE((*journal)->append({RecordType::event, {}, event_json(3)}));
      EXPECT_FALSE((*journal)->healthy());
      EXPECT_THAT((*journal)->failure(), HasSubstr(errno_text(error)));
      EXPECT_FALSE((*journal)->sync_now());
    }
    EXPECT_EQ(read_all(dir.path()).records, 2U);
  }
}

TEST(Journal, AFullDiskInTheMiddleOfARecordLeavesATornTail) {
  TempDir dir;
  FaultyFiles files;
  {
    auto journal = open_journal(options_for(dir, &files));
    append_events(**journal, 2);
    files.bytes_left = 20;
    EXPECT_FALSE((*journal)->append({RecordType::event, {}, event_json(2)}));
    EXPECT_FALSE((*journal)->healthy());
  }
  EXPECT_EQ(read_all(dir.path()).records, 2U);
  EXPECT_EQ(read_all(dir.path()).torn_bytes > 0, true);
}

TEST(Journal, ShortWritesAreCompleted) {
  TempDir dir;
  FaultyFiles files;
  files.write_bytes_max = 3;
  {
    auto journal = open_journal(options_for(dir, &files));
    ASSERT_TRUE(journal) << journal.error().message;
    append_events(**journal, 5);
  }
  EXPECT_EQ(read_all(dir.path()).records, 5U);
}

TEST(Journal, AFailedSyncFailsForGoodAndTellsWhoeverWaits) {
  TempDir dir;
  FaultyFiles files;
  auto journal = open_journal(options_for(dir, &files));
  files.sync_error = EIO;
  append_events(**journal, 1);
  EXPECT_FALSE((*journal)->sync_now());
  files.sync_error = 0;
  EXPECT_FALSE((*journal)->healthy());
  EXPECT_FALSE((*journal)->append({RecordType::event, {}, event_json(3)}));
}

TEST(Journal, ADiskTooFullForTheNextSegmentRefuses) {
  TempDir dir;
  FaultyFiles files;
  auto journal = open_journal(options_for(dir, &files, 600));
  files.allocate_error = ENOSPC;
  bool failed = false;
  for (int i = 0; i < 20 && !failed; ++i)
    failed = !(*journal)->append({RecordType::event, {}, event_json(i)});
  EXPECT_TRUE(failed);
  EXPECT_THAT((*journal)->failure(), HasSubstr("cannot reserve"));
}

TEST(Journal, SyncsByItselfWithinAFewMilliseconds) {
  TempDir dir;
  auto journal = open_journal(options_for(dir));
  append_events(**journal, 1);
  EXPECT_TRUE(eventually([&] { return (*journal)->durable_seq() == 1; }));
}

// What a reader gives, record by record, and how it ends.
template <class Reader>
std::vector<std::string> told_by(Reader& reader) {
  std::vector<std::string> told;
  RecordView record;
  while (true) {
    const Result<bool> found = reader.next(record);
    if (!found) told.push_back(found.error().message);
    if (!found || !*found) return told;
    told.push_back(fmt::format("{}: {} {}", reader.place(), record.seq, record.payload));
  }
}

TEST(ReadAhead, GivesWhatTheReaderGivesUpToTheSameError) {
  TempDir dir;
  const auto open = [&dir] { return *JournalReader::open(dir.path(), ReadOptions{}); };
  {
    auto journal = open_journal(options_for(dir, &system_files(), 1024 * 1024));
    const std::string text(20'000, 'x');
    for (size_t i = 0; i < 300; ++i) {
      const std::string event = fmt::format(R"({{"n":{},"text":"{}"}})", i, text.substr(i * 50));
      ASSERT_TRUE((*journal)->append({RecordType::event, {}, event}));
    }
  }
  auto plain = open();
  const auto wanted = told_by(plain);
  ASSERT_EQ(wanted.size(), 300U);
  {
    ReadAhead ahead(open());
    EXPECT_EQ(told_by(ahead), wanted);
    const JournalReader end = ahead.finish();
    EXPECT_EQ(end.chain().at(), plain.chain().at());
    EXPECT_EQ(end.next_seq(), plain.next_seq());
    EXPECT_EQ(end.offset(), plain.offset());
  }
  {
    ReadAhead left(open());  // with batches that nobody takes
    RecordView record;
    EXPECT_TRUE(left.next(record));
  }
  const auto third = dir.path() / segment_name(3);
  std::string bytes = slurp(third);
  bytes[700'000] ^= 4;
  spill(third, bytes);
  auto damaged = open();
  const auto until = told_by(damaged);
  ASSERT_GT(until.size(), 100U);
  EXPECT_THAT(until.back(), HasSubstr("the journal is damaged"));
  ReadAhead ahead(open());
  EXPECT_EQ(told_by(ahead), until);
}

TEST(Journal, OneWriteAnAppend) {
  TempDir dir;
  FaultyFiles files;
  auto journal = open_journal(options_for(dir, &files));
  const uint64_t before = files.writes;
  const std::string one = event_json(1);
  const Journal::Entry entries[] = {{RecordType::event, {}, one}, {RecordType::event, {}, one}};
  ASSERT_TRUE((*journal)->append(entries));
  EXPECT_EQ(files.writes, before + 2) << "and zeros behind the first";
  ASSERT_TRUE((*journal)->append(entries));
  EXPECT_EQ(files.writes, before + 3);
}

}  // namespace
}  // namespace satgate::store
