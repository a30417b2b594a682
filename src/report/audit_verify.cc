#include "report/audit_verify.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "audit/export.h"
#include "store/files.h"
#include "store/journal_reader.h"

namespace satgate::report {
namespace {

constexpr size_t kKeyBytesMax = 16 * 1024;
constexpr size_t kChunkBytes = 256 * 1024;

// Why the checkpoint does not hold for the chain as it stands, or empty.
std::string checkpoint_problem(const store::RecordView& record, const audit::ChainPoint& chain,
                               const audit::PublicKey& key) {
  const auto checkpoint = audit::parse_checkpoint_line(record.payload);
  if (!checkpoint) return "a checkpoint can not be read";
  if (checkpoint->point != chain) return "a checkpoint does not fit the events before it";
  if (!key.verify(*checkpoint)) return "a checkpoint is not signed by the key given";
  return {};
}

}  // namespace

Result<audit::PublicKey> read_public_key(const std::filesystem::path& file) {
  TRY_ASSIGN(const std::string pem, store::read_file(file, kKeyBytesMax));
  return audit::PublicKey::from_pem(pem);
}

Result<JournalVerdict> verify_journal(const std::filesystem::path& data_dir,
                                      const audit::PublicKey& key) {
  JournalVerdict verdict;
  TRY_ASSIGN(auto reader, store::JournalReader::open(data_dir / "journal", {}));
  store::RecordView record;
  while (true) {
    const auto found = reader.next(record);
    if (!found) {
      verdict.problem = found.error().message;
      return verdict;
    }
    if (!*found) break;
    ++verdict.records;
    verdict.events = reader.chain().at().seq;
    if (record.type != store::RecordType::checkpoint) continue;
    const std::string problem = checkpoint_problem(record, reader.chain().at(), key);
    if (!problem.empty()) {
      verdict.problem = fmt::format("{}: {}", reader.place(), problem);
      return verdict;
    }
    verdict.signed_seq = verdict.events;
    ++verdict.checkpoints;
  }
  verdict.torn_bytes = reader.torn_bytes();
  verdict.ok = true;
  return verdict;
}

Result<audit::Verdict> verify_export(const std::filesystem::path& file, const audit::PublicKey& key,
                                     uint64_t require_seq) {
  TRY_ASSIGN(const store::Fd fd, store::open_file(file, O_RDONLY));
  audit::ExportVerifier verifier({key}, require_seq);
  std::vector<char> chunk(kChunkBytes);
  while (true) {
    const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return fail(fmt::format("cannot read {}: {}", file.string(), store::errno_text(errno)));
    }
    if (got == 0) break;
    if (!verifier.feed({chunk.data(), static_cast<size_t>(got)})) break;
  }
  return verifier.finish();
}

}  // namespace satgate::report
