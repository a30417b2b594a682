#include "app/commands/cli.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "app/commands/command.h"
#include "app/commands/dispatch.h"

namespace satgate::app {

void add_common_flags(CLI::App& command, Context& context) {
  command
      .add_option("--data-dir", context.data_dir_flag,
                  "data directory (or SATGATE_DATA_DIR); default ~/.local/share/satgate")
      ->type_name("DIR");
  command.add_flag("--json", context.json, "print JSON");
}

CLI::App& add_group(CLI::App& parent, const Words& words) {
  CLI::App& group = *parent.add_subcommand(words.name, words.about);
  group.footer("Example:\n  " + words.example);
  // Exactly one: a second word that happens to be a command's name is then an argument.
  group.require_subcommand(1);
  return group;
}

namespace {

void declare_all(CLI::App& root, Context& context) {
  root.require_subcommand(1);
  root.footer(
      "Example:\n"
      "  satgate start --proxy openai\n"
      "  satgate token create --name dev-token --daily-limit 10 --upstream openai\n"
      "\nEvery command has --help with an example.");
  root.set_version_flag("--version", "satgate " SATGATE_VERSION);
  add_common_flags(root, context);
  add_start_commands(root, context);
  add_token_commands(root, context);
  add_mint_command(root, context);
  add_budget_commands(root, context);
  add_approval_commands(root, context);
  add_definition_commands(root, context);
  add_lightning_commands(root, context);
  add_key_commands(root, context);
  add_price_commands(root, context);
  add_audit_commands(root, context);
  add_report_commands(root, context);
  add_config_commands(root, context);
  add_policy_commands(root, context);
  add_status_commands(root, context);
  add_doctor_command(root, context);
}

const CLI::App& deepest(const CLI::App& root) {
  const CLI::App* app = &root;
  while (!app->get_subcommands().empty())
    app = app->get_subcommands().back();
  return *app;
}

std::string full_name(const CLI::App& app) {
  if (app.get_parent() == nullptr) return app.get_name();
  return full_name(*app.get_parent()) + " " + app.get_name();
}

int say_wrong_use(const CLI::App& root, const std::string& what) {
  const std::string name = full_name(deepest(root));
  fmt::print(stderr, "satgate: {}\nTry '{} --help'.\n", printable(what), name);
  return kExitWrongUse;
}

// CLI11 complains about the missing command before the word it did not know.
std::string complaint(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App& app = deepest(root);
  const std::vector<std::string> unknown = app.remaining();
  const bool is_group = app.get_require_subcommand_min() > 0;
  if (is_group && !unknown.empty()) {
    return fmt::format("'{}' is not a command of {}", unknown.front(), full_name(app));
  }
  if (is_group) return "a command is missing";
  return error.what();
}

int finish(const Outcome& outcome) {
  // A full disk behind `> file` must not look like success.
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (!outcome) {
    if (!outcome.error().message.empty()) {
      fmt::print(stderr, "satgate: {}\n", outcome.error().message);
    }
    return outcome.error().exit_code;
  }
  if (!written) {
    fmt::print(stderr, "satgate: cannot write the output\n");
    return kExitFailed;
  }
  return 0;
}

}  // namespace

int run_command_line(int argc, const char* const* argv) {
  Context context;
  context.colour = stdout_wants_colour();
  CLI::App root{"SatGate: an economic firewall for AI agents", "satgate"};
  declare_all(root, context);
  std::vector<std::string> arguments =
      command_arguments(std::span(argv, static_cast<size_t>(std::max(argc, 0))));
  std::ranges::reverse(arguments);  // as CLI11 takes them
  try {
    root.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return root.exit(error);  // --help, --version
    return say_wrong_use(root, complaint(root, error));
  }
  return finish(context.action());
}

}  // namespace satgate::app
