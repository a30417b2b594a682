// policy apply: a token's entry in the config file, written for the operator.
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

#include "app/commands/flags.h"
#include "app/commands/policy.h"
#include "app/config/config.h"
#include "app/config/policy_edit.h"
#include "app/runtime/secrets.h"

namespace satgate::app {
namespace {

struct ApplyFlags {
  std::string reference, token, config;
  std::vector<std::string> parameters;
  bool dry_run = false;
};

void declare_apply(CLI::App& command, ApplyFlags& flags) {
  add_text(command, "template", flags.reference, "NAME@VERSION, or NAME for the newest")
      ->required();
  add_text(command, "token", flags.token, "name of the token whose policy it becomes")->required();
  add_parameters(command, flags.parameters);
  command.add_flag("--dry-run", flags.dry_run, "say what would change, and change nothing");
  add_config_file(command, flags.config);
}

// What was given before and still means something is kept.
ParameterValues all_values(const PolicyUse* before, const FilledTemplate& filled,
                           const ParameterValues& given) {
  ParameterValues values = given;
  if (before == nullptr) return values;
  for (const TemplateParameter& parameter : parameters_of(filled.lineage)) {
    const auto old = before->parameters.find(parameter.name);
    if (old != before->parameters.end()) values.emplace(*old);
  }
  return values;
}

std::vector<std::string> lines_of(const PolicyUse* use) {
  if (use == nullptr || !use->settings) return {};
  std::vector<std::string> lines = policy_lines(*use->settings);
  if (!use->reference.empty()) lines.insert(lines.begin(), "template: " + use->reference);
  return lines;
}

// The config as it would be, if `config check` has nothing against it.
Outcome check(const std::string& file, const std::string& text) {
  Sources sources = process_sources();
  sources.folder = std::filesystem::path(file).parent_path();
  const ConfigResult result = parse_config(text, sources);
  if (result.errors.empty()) return {};
  std::string message = fmt::format("{} would not be accepted, so it was not changed:", file);
  for (const std::string& error : result.errors)
    message += "\n  " + printable(error);
  return failed(message);
}

// The file itself, not a link to it, keeps its mode.
Outcome replace(const std::string& file, const std::string& text) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::canonical(file, error);
  struct stat info{};
  if (error || ::stat(target.c_str(), &info) != 0) return failed("cannot write " + file);
  TRY(write_file(target, text, static_cast<int>(info.st_mode & 07777)));
  return {};
}

void say(const Context& context, const ApplyFlags& flags, const std::string& file,
         const std::string& reference, const std::vector<std::string>& changes) {
  if (context.json) {
    print_json({{"file", file},
                {"token", flags.token},
                {"template", reference},
                {"changes", changes},
                {"written", !flags.dry_run}});
    return;
  }
  for (const std::string& change : changes)
    fmt::print("{}\n", printable(change));
  if (changes.empty()) fmt::print("No setting changes.\n");
  if (flags.dry_run) {
    fmt::print("Nothing was written (--dry-run).\n");
    return;
  }
  fmt::print(
      "{} was changed. A gateway that runs takes it on SIGHUP (kill -HUP PID), or by itself with "
      "`reload: {{watch: true}}`.\n",
      file);
}

Outcome run_apply(const Context& context, const ApplyFlags& flags) {
  TRY_ASSIGN(const PolicyFile before, read_policy_file(flags.config));
  TRY_ASSIGN(const ParameterValues given, parameter_values(flags.parameters));
  TRY_ASSIGN(const std::string reference, find_template(before, flags.reference));
  TRY_ASSIGN(const FilledTemplate filled, fill_template(before, reference, given));
  const PolicyUse* const old = before.find(flags.token);
  TRY_ASSIGN(const std::string text,
             with_template(before.text, flags.token, reference, all_values(old, filled, given)));
  TRY(check(before.file, text));
  TRY_ASSIGN(const PolicyFile after, read_policy_file(before.file, text));
  const auto changes = changes_between(lines_of(old), lines_of(after.find(flags.token)));
  if (!flags.dry_run) TRY(replace(before.file, text));
  say(context, flags, before.file, reference, changes);
  return {};
}

}  // namespace

void add_policy_apply(CLI::App& group, Context& context) {
  add_command(group, context,
              {"apply", "Write a template into the config file as a token's policy",
               "satgate policy apply coding-agent@2 cursor-agent --parameter daily=25 --dry-run"},
              declare_apply, run_apply);
}

}  // namespace satgate::app
