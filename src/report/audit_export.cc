#include "report/audit_export.h"

#include <fmt/format.h>

#include <string>

#include "audit/export.h"
#include "store/journal_reader.h"

namespace satgate::report {
namespace {

constexpr size_t kChunkBytes = 256 * 1024;

}  // namespace

Result<ExportSummary> export_events(const std::filesystem::path& data_dir, const ExportRange& range,
                                    const std::function<Result<void>(std::string_view)>& write) {
  TRY_ASSIGN(auto reader, store::JournalReader::open(data_dir / "journal", {}));
  ExportSummary summary;
  std::string lines;
  audit::ChainPoint before;
  while (true) {
    store::RecordView record;
    TRY_ASSIGN(const bool found, reader.next(record));
    if (!found) break;
    const audit::ChainPoint& at = reader.chain().at();
    const bool wanted = at.seq >= range.first_seq && at.seq <= range.last_seq;
    if (record.carries_event()) {
      if (at.seq > range.last_seq) break;
      if (wanted) {
        audit::append_event_line(lines, {at.seq, before.hash, at.hash, record.event_json()});
        ++summary.events;
      }
      before = at;
    } else if (record.type == store::RecordType::checkpoint && wanted && summary.events > 0) {
      const auto checkpoint = audit::parse_checkpoint_line(record.payload);
      if (!checkpoint) return fail(fmt::format("{}: not a checkpoint", reader.place()));
      audit::append_checkpoint_line(lines, *checkpoint);
      ++summary.checkpoints;
      summary.signed_seq = at.seq;
    }
    if (lines.size() >= kChunkBytes) {
      TRY(write(lines));
      lines.clear();
    }
  }
  if (!lines.empty()) TRY(write(lines));
  return summary;
}

}  // namespace satgate::report
