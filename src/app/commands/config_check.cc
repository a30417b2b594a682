// config check.
#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "app/commands/command.h"
#include "app/commands/flags.h"
#include "app/commands/record.h"
#include "app/config/config.h"
#include "store/token_reader.h"

namespace satgate::app {
namespace {

struct CheckFlags {
  std::string file;
  bool print = false;
};

void declare_check(CLI::App& command, CheckFlags& flags) {
  add_text(command, "file,--config", flags.file, "config file; default ./satgate.yaml")
      ->type_name("FILE");
  command.add_flag("--print", flags.print, "print the settings that are in effect");
}

void print_result(const Context& context, const CheckFlags& flags, const std::string& file,
                  const ConfigResult& result) {
  const bool print = flags.print && result.settings != nullptr;
  if (context.json) {
    Json out = {{"ok", result.errors.empty()},
                {"file", file},
                {"errors", result.errors},
                {"warnings", result.warnings}};
    if (print) out["settings"] = print_settings(*result.settings);
    print_json(out);
    return;
  }
  if (!result.errors.empty()) return;
  fmt::print("{}: good.\n", file);
  for (const std::string& warning : result.warnings)
    fmt::print("warning: {}\n", printable(warning));
  if (print) fmt::print("\n{}", print_settings(*result.settings));
}

// The names of the tokens, where a gateway has run on the data directory.
Result<void> know_tokens(const Context& context, Sources& sources) {
  TRY_ASSIGN(const std::filesystem::path data_dir, context.data_dir());
  const std::filesystem::path database = database_path(data_dir);
  std::error_code ignored;
  if (!std::filesystem::exists(database, ignored)) return {};
  TRY_ASSIGN(std::vector<std::string> names, store::read_token_names(database));
  sources.has_token = [known = std::move(names)](std::string_view name) {
    return std::ranges::find(known, name) != known.end();
  };
  return {};
}

Outcome run_check(const Context& context, const CheckFlags& flags) {
  const std::string file = flags.file.empty() ? "./satgate.yaml" : flags.file;
  Sources sources = process_sources();
  const Result<void> known = know_tokens(context, sources);
  ConfigResult result = load_config(file, sources);
  // A config may be checked by somebody who must not read the books.
  if (!known) {
    result.warnings.push_back("the tokens it names were not looked up: " + known.error().message);
  }
  print_result(context, flags, file, result);
  if (result.errors.empty()) return {};
  const size_t count = result.errors.size();
  std::string message = fmt::format("{}: {} {}", file, count, count == 1 ? "mistake" : "mistakes");
  for (const std::string& error : result.errors)
    message += "\n  " + printable(error);
  return failed(message);
}

}  // namespace

void add_config_commands(CLI::App& root, Context& context) {
  CLI::App& group =
      add_group(root, {"config", "The config file", "satgate config check satgate.yaml"});
  add_command(group, context,
              {"check", "Report every mistake of a config file at once",
               "satgate config check satgate.yaml --print"},
              declare_check, run_check);
}

}  // namespace satgate::app
