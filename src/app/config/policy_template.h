// Policy templates: what one entry of `policies` says, written once with parameters and used by
// many (docs/reference/config.md, docs/decisions/0020-policy-templates.md). A template is one
// file of the template folder, NAME@VERSION.yaml, so that a reference names exactly one text:
//
//   name: coding-agent
//   version: 2
//   description: An agent that reads and writes code
//   inherit: base-agent@1
//   parameters:
//     daily: {type: amount, default: 25}
//   policy:
//     totalDailyCredits: ${daily}
//
// Only scalars are filled in; nothing is computed. What is said about a mistake names the file.
#pragma once

#include <yaml-cpp/yaml.h>

#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config/yaml_map.h"
#include "base/money.h"

namespace satgate::app {

using Complaints = std::vector<std::string>;  // sentences; never empty as an error
template <class T>
using Read = std::expected<T, Complaints>;

struct TemplateParameter {
  std::string name;
  std::string type;  // amount, whole, duration, boolean or text
  std::string description;
  std::optional<std::string> preset;  // `default`; nothing: it must be given
};

struct PolicyTemplate {
  std::string reference;  // "coding-agent@2"
  std::string description;
  std::string inherit;  // a reference, or empty
  std::string file;
  std::vector<TemplateParameter> parameters;
  YAML::Node policy;
};

struct TemplateReference {
  std::string name;
  uint64_t version = 0;
};
// "coding-agent@2": letters, digits, `-`, `_` and `.`, and a whole number above zero.
std::optional<TemplateReference> parse_reference(std::string_view text);

class TemplateFolder {
 public:
  TemplateFolder(std::filesystem::path folder, FileReader read_file)
      : folder_(std::move(folder)), read_file_(std::move(read_file)) {}

  const std::filesystem::path& path() const { return folder_; }
  Read<PolicyTemplate> load(const std::string& reference) const;
  // The template and what it inherits from, the oldest ancestor first.
  Read<std::vector<PolicyTemplate>> lineage(const std::string& reference) const;
  // References of the folder's files, by name and version.
  std::vector<std::string> references() const;
  // The newest version of this name; nothing if there is none.
  std::optional<std::string> newest(std::string_view name) const;

 private:
  std::filesystem::path folder_;
  FileReader read_file_;
};

using ParameterValues = std::map<std::string, std::string, std::less<>>;

// The parameters of a lineage: a child may give a parameter of its parent another default.
std::vector<TemplateParameter> parameters_of(const std::vector<PolicyTemplate>& lineage);

// Why this is no value for the parameter; empty: it is one.
std::string complaint_about(const TemplateParameter& parameter, const std::string& value,
                            const Currency& currency);

// Puts the values of the parameters, or their defaults, into the policies of the lineage. One that
// has neither is a complaint, unless `open`: then it stays as `${name}`, for people to read.
Complaints fill_in(std::vector<PolicyTemplate>& lineage, const ParameterValues& values, bool open);

// `over` key by key on top of `base`. Neither is changed.
YAML::Node merge_policies(const YAML::Node& base, const YAML::Node& over);

// What stands in the way of walking through this: keys that are no names, or a depth without end.
std::string complaint_about_shape(const YAML::Node& node);

// One line a setting, "tools.search.cost: 1", in the order they are written.
std::vector<std::string> policy_lines(const YAML::Node& policy);

}  // namespace satgate::app
