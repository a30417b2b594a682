// audit tail, search, verify, export.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "app/commands/command.h"
#include "app/commands/describe.h"
#include "app/commands/flags.h"
#include "app/commands/record.h"
#include "base/text.h"
#include "report/audit_export.h"
#include "report/audit_search.h"
#include "report/audit_verify.h"
#include "store/data_dir.h"

namespace satgate::app {
namespace {

struct SearchFlags {
  EventQuestion question;
  std::string limit;
  bool follow = false;
};

void declare_filters(CLI::App& command, SearchFlags& flags) {
  EventQuestion& question = flags.question;
  add_text(command, "--subject", question.subject, "name of the token")->type_name("NAME");
  add_text(command, "--tool", question.tool, "name of the tool")->type_name("NAME");
  add_text(command, "--decision", question.decision, "allow, deny or would_deny")
      ->check(CLI::IsMember({"allow", "deny", "would_deny"}));
  add_text(command, "--code", question.code, "reason of the refusal: budget_exhausted")
      ->type_name("CODE");
  add_text(command, "--kind", question.kind, "call, mint, update, revoke, budget, config, ...")
      ->type_name("KIND");
}

void declare_search(CLI::App& command, SearchFlags& flags) {
  declare_filters(command, flags);
  add_text(command, "--request-id", flags.question.request_id, "X-Request-Id of a call")
      ->type_name("ID");
  add_moment(command, "--since", flags.question.since, "from then on: 1h, 2026-06-30");
  add_moment(command, "--until", flags.question.until, "before then");
  add_count(command, "--limit", flags.limit, "the newest so many; default 100");
}

void declare_tail(CLI::App& command, SearchFlags& flags) {
  declare_filters(command, flags);
  add_count(command, "-n,--lines,--limit", flags.limit, "the newest so many; default 20");
  command.add_flag("-f,--follow", flags.follow, "go on as events are written");
}

void print_events(const Context& context, const std::vector<Json>& events) {
  for (const Json& event : events) {
    const std::string line = context.json
                                 ? event.dump(-1, ' ', false, Json::error_handler_t::replace)
                                 : event_line(event, context.colour);
    fmt::print("{}\n", line);
  }
}

EventQuestion question_of(const SearchFlags& flags, uint64_t default_limit) {
  EventQuestion question = flags.question;
  question.limit = parse_uint(flags.limit).value_or(default_limit);
  return question;
}

Outcome run_search(const Context& context, const SearchFlags& flags) {
  TRY_ASSIGN(const std::vector<Json> events, find_events(context, question_of(flags, 100)));
  print_events(context, events);
  return {};
}

uint64_t last_seq(const std::vector<Json>& events, uint64_t before) {
  if (events.empty()) return before;
  const auto found = events.back().find("seq");
  const bool has_number = found != events.back().end() && found->is_number_unsigned();
  return has_number ? found->get<uint64_t>() : before;
}

Outcome run_tail(const Context& context, const SearchFlags& flags) {
  EventQuestion question = question_of(flags, 20);
  TRY_ASSIGN(std::vector<Json> events, find_events(context, question));
  print_events(context, events);
  question.limit = report::search_rows_max;
  while (flags.follow && std::fflush(stdout) == 0) {
    question.after_seq = last_seq(events, question.after_seq);
    std::this_thread::sleep_for(std::chrono::seconds(1));
    TRY_ASSIGN(events, find_events(context, question));
    print_events(context, events);
  }
  return {};
}

struct VerifyFlags {
  std::string file, key, require_seq;
};

void declare_verify(CLI::App& command, VerifyFlags& flags) {
  add_text(command, "--file", flags.file, "an exported record instead of the data directory")
      ->type_name("FILE");
  add_text(command, "--key", flags.key,
           "public key to trust; default audit.pub of the data "
           "directory. Keep a copy elsewhere")
      ->type_name("FILE");
  add_count(command, "--require-seq", flags.require_seq,
            "number of an event that must be there and signed");
}

Outcome say_verdict(const Context& context, const RecordVerdict& verdict) {
  if (context.json) {
    print_json({{"ok", verdict.ok},
                {"problem", verdict.problem},
                {"events", verdict.events},
                {"signed", verdict.signed_seq},
                {"checkpoints", verdict.checkpoints}});
  }
  if (!verdict.ok) return failed(fmt::format("NOT intact: {}", verdict.problem));
  if (context.json) return {};
  fmt::print("Intact: {} events, {} checkpoints.\n", verdict.events, verdict.checkpoints);
  if (verdict.all_signed()) {
    fmt::print("Every event is signed.\n");
  } else {
    fmt::print(
        "Signed up to event {}; what follows is chained, and signed by the next checkpoint.\n",
        verdict.signed_seq);
  }
  return {};
}

Result<std::filesystem::path> key_file(const Context& context, const VerifyFlags& flags) {
  if (!flags.key.empty()) return std::filesystem::path(flags.key);
  TRY_ASSIGN(const std::filesystem::path data_dir, context.data_dir());
  return store::public_key_path(data_dir);
}

Outcome run_verify(const Context& context, const VerifyFlags& flags) {
  const uint64_t require_seq = parse_uint(flags.require_seq).value_or(0);
  TRY_ASSIGN(const std::filesystem::path key_path, key_file(context, flags));
  if (flags.file.empty()) {
    TRY_ASSIGN(const std::filesystem::path data_dir, context.data_dir());
    TRY_ASSIGN(const RecordVerdict verdict, verify_record(data_dir, key_path, require_seq));
    return say_verdict(context, verdict);
  }
  TRY_ASSIGN(const audit::PublicKey key, report::read_public_key(key_path));
  TRY_ASSIGN(const audit::Verdict found, report::verify_export(flags.file, key, require_seq));
  RecordVerdict verdict{.ok = found.ok,
                        .problem = found.problem,
                        .events = found.last_seq,
                        .last_seq = found.last_seq,
                        .signed_seq = found.signed_seq,
                        .checkpoints = found.checkpoints};
  if (found.first_seq > 0) verdict.events = found.last_seq - found.first_seq + 1;
  if (found.bad_line > 0) {
    verdict.problem = fmt::format("{}, line {}: {}", flags.file, found.bad_line, found.problem);
  }
  return say_verdict(context, verdict);
}

struct ExportFlags {
  std::string out, from, to;
};

void declare_export(CLI::App& command, ExportFlags& flags) {
  add_text(command, "-o,--out", flags.out, "file to write; default the standard output")
      ->type_name("FILE");
  add_count(command, "--from", flags.from, "number of the first event; default 1");
  add_count(command, "--to", flags.to, "number of the last event; default the newest");
}

Result<report::ExportSummary> write_export(const std::filesystem::path& data_dir,
                                           const report::ExportRange& range, std::FILE* out) {
  const auto write = [out](std::string_view lines) -> Result<void> {
    if (std::fwrite(lines.data(), 1, lines.size(), out) == lines.size()) return {};
    return fail("cannot write the export");
  };
  TRY_ASSIGN(const report::ExportSummary summary, report::export_events(data_dir, range, write));
  if (std::fflush(out) != 0) return fail("cannot write the export");
  return summary;
}

void say_summary(const Context& context, const ExportFlags& flags,
                 const report::ExportSummary& summary) {
  if (flags.out.empty()) return;  // the standard output is the export itself
  if (context.json) {
    print_json({{"file", flags.out},
                {"events", summary.events},
                {"checkpoints", summary.checkpoints},
                {"signed", summary.signed_seq}});
    return;
  }
  fmt::print("{}: {} events, {} checkpoints; signed up to event {}.\n", flags.out, summary.events,
             summary.checkpoints, summary.signed_seq);
}

Outcome run_export(const Context& context, const ExportFlags& flags) {
  TRY_ASSIGN(const std::filesystem::path data_dir, context.data_dir());
  report::ExportRange range;
  range.first_seq = parse_uint(flags.from).value_or(range.first_seq);
  range.last_seq = parse_uint(flags.to).value_or(range.last_seq);
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file;
  if (!flags.out.empty()) {
    file.reset(std::fopen(flags.out.c_str(), "wbe"));
    if (!file) return failed(fmt::format("cannot write {}", flags.out));
  }
  TRY_ASSIGN(const report::ExportSummary summary,
             write_export(data_dir, range, file ? file.get() : stdout));
  say_summary(context, flags, summary);
  return {};
}

}  // namespace

void add_audit_commands(CLI::App& root, Context& context) {
  CLI::App& group = add_group(root, {"audit", "The record of every decision, and its proof",
                                     "satgate audit tail --follow"});
  add_command(group, context,
              {"tail", "Print the newest decisions; --json prints one object a line",
               "satgate audit tail --follow --decision deny"},
              declare_tail, run_tail);
  add_command(group, context,
              {"search", "Find decisions; --json prints one object a line",
               "satgate audit search --subject cursor-dev --decision deny --since 1h"},
              declare_search, run_search);
  add_command(group, context,
              {"verify", "Prove that nothing in the record was changed, reordered or cut",
               "satgate audit verify\n"
               "  satgate audit verify --file record.ndjson --key audit.pub"},
              declare_verify, run_verify);
  add_command(group, context,
              {"export", "Write the record as newline-delimited JSON that proves itself",
               "satgate audit export --out record.ndjson"},
              declare_export, run_export);
}

}  // namespace satgate::app
