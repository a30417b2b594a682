// config check.
#include <fmt/format.h>

#include "app/commands/command.h"
#include "app/commands/flags.h"
#include "app/config/config.h"

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

Outcome run_check(const Context& context, const CheckFlags& flags) {
  const std::string file = flags.file.empty() ? "./satgate.yaml" : flags.file;
  const ConfigResult result = load_config(file, process_sources());
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
