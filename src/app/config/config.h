// From a YAML text to frozen Settings: read everything, report every mistake at once, with its line
// (CONTRACT.md, "Config"; docs/reference/config.md). Nothing here touches the network.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/config/yaml_map.h"
#include "flow/settings.h"

namespace satgate::app {

struct ConfigResult {
  std::shared_ptr<flow::Settings> settings;  // set only when there are no errors
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
  // Every file that the result depends on and that a reload reads again: the config itself, what
  // `file:` names, the listener's certificates. Also set when there are errors, so that whoever
  // watches them sees the correction. load_config() sets it.
  std::vector<std::filesystem::path> files = {};
};

// `mode`, when not empty, stands in for the file's own top-level `mode`.
ConfigResult parse_config(std::string_view text, const Sources& sources,
                          const std::string& mode = {});

// The same for a file. One that cannot be read is an error of the result.
ConfigResult load_config(const std::filesystem::path& file, const Sources& sources,
                         const std::string& mode = {});

// The environment and files of this process.
Sources process_sources();

// What `satgate start --proxy` builds without any file.
struct ProxyOptions {
  std::string proxy;     // "openai", "anthropic" or a URL
  std::string base_url;  // replaces the provider's own; empty: default
  std::string mode;      // empty: control
};
ConfigResult proxy_config(const ProxyOptions& options, const Sources& sources);

// The effective settings in words, without secrets, for `satgate config check --print`.
std::string print_settings(const flow::Settings& settings);

}  // namespace satgate::app
