// What the `policy` commands read: the config file, its template folder, and what each entry of
// `policies` comes to.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/commands/command.h"
#include "app/config/policy_template.h"

namespace satgate::app {

struct PolicyUse {
  std::string token;
  std::string reference;               // of its template; empty: it has none
  ParameterValues parameters;          // as the file gives them
  std::optional<YAML::Node> settings;  // filled in; nothing: the config has a mistake there
};

struct PolicyFile {
  std::string file;
  std::string text;
  Currency currency;
  TemplateFolder folder;
  std::vector<PolicyUse> uses;

  const PolicyUse* find(std::string_view token) const;
};

// `text`, when given, stands in for the file's.
Expected<PolicyFile> read_policy_file(const std::string& file,
                                      const std::optional<std::string>& text = {});

// A template with its parameters filled in; what has no value stays as `${name}`.
struct FilledTemplate {
  std::vector<PolicyTemplate> lineage;
  YAML::Node settings;
};
Expected<FilledTemplate> fill_template(const PolicyFile& policies, const std::string& reference,
                                       const ParameterValues& values);

// The reference of what a person wrote: "coding-agent" is the newest version.
Expected<std::string> find_template(const PolicyFile& policies, const std::string& written);

// "daily=25" of --parameter.
Expected<ParameterValues> parameter_values(const std::vector<std::string>& written);

// What differs between two lists of settings ("- ..." and "+ ...", in the order of the first).
std::vector<std::string> changes_between(const std::vector<std::string>& from,
                                         const std::vector<std::string>& to);

// The flags that all of them have.
void add_config_file(CLI::App& command, std::string& file);
void add_parameters(CLI::App& command, std::vector<std::string>& values);

void add_policy_apply(CLI::App& group, Context& context);

}  // namespace satgate::app
