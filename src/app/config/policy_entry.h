// One entry of `policies` with its template filled in, for the config and for the `policy`
// commands.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "app/config/policy_template.h"
#include "app/config/yaml_map.h"

namespace satgate::app {

// `policyDir`; default: `policies` beside the config file.
TemplateFolder template_folder(YamlMap& root);

// The settings of an entry that names a template: those of the template and what it inherits from,
// under the entry's own. Nothing: what is wrong was reported at the entry.
std::optional<YAML::Node> expand_entry(YamlMap& entry, const TemplateFolder& folder,
                                       const Currency& currency);

// Complaints about what the templates themselves say, once they are filled in.
Complaints check_templates(const std::vector<PolicyTemplate>& filled, const Currency& currency);

}  // namespace satgate::app
