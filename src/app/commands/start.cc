// start, gateway start, mcp.
#include <filesystem>

#include "app/commands/command.h"
#include "app/commands/flags.h"
#include "app/runtime/start.h"
#include "contract/mode.h"

namespace satgate::app {
namespace {

constexpr const char* kDefaultConfig = "./satgate.yaml";

struct Flags {
  std::string proxy, base_url, config, listen, admin_listen, mode, token;
};

std::string is_mode(const std::string& text) {
  return parse_mode(text) ? "" : "a mode is observe, control or charge";
}

void add_config_flag(CLI::App& command, Flags& flags) {
  add_text(command, "--config", flags.config, "config file; default ./satgate.yaml if it is there")
      ->type_name("FILE");
}

void add_start_flags(CLI::App& command, Flags& flags) {
  CLI::Option* proxy =
      add_text(command, "--proxy", flags.proxy, "start without a config file, in front of this")
          ->type_name("openai|anthropic|URL");
  add_text(command, "--base-url", flags.base_url, "where the provider of --proxy is")
      ->type_name("URL")
      ->needs(proxy);
  add_config_flag(command, flags);
  proxy->excludes("--config");
  add_text(command, "--listen", flags.listen, "where agents connect; default 127.0.0.1:8000")
      ->type_name("ADDRESS");
  add_text(command, "--admin-listen", flags.admin_listen,
           "where the admin API listens; default 127.0.0.1:9090")
      ->type_name("ADDRESS");
  add_text(command, "--mode", flags.mode, "observe, control or charge")
      ->type_name("MODE")
      ->check(CLI::Validator(is_mode, "", ""));
}

Result<StartOptions> options_of(const Context& context, const Flags& flags) {
  StartOptions options;
  TRY_ASSIGN(options.data_dir, context.data_dir());
  options.proxy.proxy = flags.proxy;
  options.proxy.base_url = flags.base_url;
  options.proxy.mode = flags.mode;
  options.listen = flags.listen;
  options.admin_listen = flags.admin_listen;
  options.mode = flags.mode;
  options.config_file = flags.config;
  std::error_code error;
  if (flags.config.empty() && flags.proxy.empty() &&
      std::filesystem::exists(kDefaultConfig, error)) {
    options.config_file = kDefaultConfig;
  }
  return options;
}

// The gateway says itself why it ended.
Outcome exit_with(int code) {
  if (code == 0) return {};
  return std::unexpected(Failure("", code));
}

Outcome run_start(const Context& context, const Flags& flags) {
  TRY_ASSIGN(const StartOptions options, options_of(context, flags));
  return exit_with(run_gateway(options));
}

void add_mcp_flags(CLI::App& command, Flags& flags) {
  add_config_flag(command, flags);
  add_text(command, "--token", flags.token,
           "token to act under, or @FILE; default SATGATE_TOKEN of the environment");
}

Outcome run_mcp(const Context& context, const Flags& flags) {
  TRY_ASSIGN(const StartOptions options, options_of(context, flags));
  std::string given = flags.token;
  if (given.empty()) given = variable("SATGATE_TOKEN").value_or("");
  TRY_ASSIGN(const std::string token, token_argument(given));
  return exit_with(run_mcp_stdio(options, token));
}

}  // namespace

void add_start_commands(CLI::App& root, Context& context) {
  add_command(
      root, context,
      {"start", "Start the gateway, with or without a config file", "satgate start --proxy openai"},
      add_start_flags, run_start);
  CLI::App& gateway = add_group(
      root, {"gateway", "The gateway itself", "satgate gateway start --config ./satgate.yaml"});
  add_command(gateway, context,
              {"start", "Start the gateway from a config file",
               "satgate gateway start --config ./satgate.yaml"},
              add_start_flags, run_start);
  add_command(root, context,
              {"mcp", "Serve MCP on stdin and stdout, for clients that only speak stdio",
               "satgate mcp --config ./satgate.yaml --token @cursor.token"},
              add_mcp_flags, run_mcp);
}

}  // namespace satgate::app
