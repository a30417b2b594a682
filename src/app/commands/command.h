// One command: its words, its flags, and what it does.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "app/commands/context.h"

namespace satgate::app {

struct Words {
  std::string name;
  std::string about;
  std::string example;  // whole command lines
};

// --data-dir and --json, which every command understands.
void add_common_flags(CLI::App& command, Context& context);

// A command that only holds others.
CLI::App& add_group(CLI::App& parent, const Words& words);

// `declare` adds the flags; `run` is called after the whole command line was read. (Flags is named
// by the function pointers.)
template <class Flags>
void add_command(CLI::App& parent, Context& context, const Words& words,
                 void (*declare)(CLI::App&, Flags&), Outcome (*run)(const Context&, const Flags&)) {
  CLI::App& command = *parent.add_subcommand(words.name, words.about);
  command.footer("Example:\n  " + words.example);
  const auto flags = std::make_shared<Flags>();
  declare(command, *flags);
  add_common_flags(command, context);
  command.callback([&context, flags, run] {
    context.action = [&context, flags, run] { return run(context, *flags); };
  });
}

// For commands without flags of their own.
struct NoFlags {};
inline void no_flags(CLI::App&, NoFlags&) {}

void add_start_commands(CLI::App& root, Context& context);
void add_token_commands(CLI::App& root, Context& context);
void add_offline_token_commands(CLI::App& token_group, Context& context);
void add_mint_command(CLI::App& root, Context& context);
void add_approval_commands(CLI::App& root, Context& context);
void add_definition_commands(CLI::App& root, Context& context);
void add_lightning_commands(CLI::App& root, Context& context);
void add_budget_commands(CLI::App& root, Context& context);
void add_key_commands(CLI::App& root, Context& context);
void add_price_commands(CLI::App& root, Context& context);
void add_audit_commands(CLI::App& root, Context& context);
void add_report_commands(CLI::App& root, Context& context);
void add_config_commands(CLI::App& root, Context& context);
void add_policy_commands(CLI::App& root, Context& context);
void add_status_commands(CLI::App& root, Context& context);
void add_doctor_command(CLI::App& root, Context& context);

}  // namespace satgate::app
