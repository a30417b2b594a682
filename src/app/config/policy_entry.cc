#include "app/config/policy_entry.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/config/sections.h"

namespace satgate::app {
namespace {

constexpr std::string_view kOwnKeys[] = {"template", "parameters"};

std::string names_of(const std::vector<TemplateParameter>& parameters) {
  std::string names;
  for (const TemplateParameter& parameter : parameters)
    names += (names.empty() ? "" : ", ") + parameter.name;
  return names.empty() ? "none" : names;
}

// The values an entry gives. Nothing: one of them is wrong.
std::optional<ParameterValues> read_values(YamlMap& entry,
                                           const std::vector<PolicyTemplate>& lineage,
                                           const Currency& currency) {
  ParameterValues values;
  std::optional<YamlMap> map = entry.map("parameters");
  if (!map) return values;
  const std::vector<TemplateParameter> known = parameters_of(lineage);
  bool good = true;
  for (const auto& [name, node] : map->entries()) {
    const std::optional<std::string> value = map->text(name);
    const auto parameter = std::ranges::find(known, name, &TemplateParameter::name);
    std::string why;
    if (parameter == known.end()) {
      why = fmt::format("{} has no such parameter; it has: {}", lineage.back().reference,
                        names_of(known));
    } else if (value) {
      why = complaint_about(*parameter, *value, currency);
    }
    if (!why.empty()) map->complain(name, why);
    if (!value || !why.empty()) {
      good = false;
    } else {
      values[name] = *value;
    }
  }
  if (!good) return std::nullopt;
  return values;
}

// The entry without what only says which template it uses.
YAML::Node own_settings(const YAML::Node& entry) {
  YAML::Node own(YAML::NodeType::Map);
  for (const auto& pair : entry) {
    const bool names_template =
        pair.first.IsScalar() &&
        std::ranges::find(kOwnKeys, pair.first.Scalar()) != std::end(kOwnKeys);
    if (!names_template) own.force_insert(pair.first, pair.second);
  }
  return own;
}

}  // namespace

TemplateFolder template_folder(YamlMap& root) {
  const std::filesystem::path folder = root.text("policyDir").value_or("policies");
  return {root.sources().folder / folder, root.sources().read_file};
}

Complaints check_templates(const std::vector<PolicyTemplate>& filled, const Currency& currency) {
  Complaints complaints;
  const Sources nothing{.environment = [](std::string_view) { return std::nullopt; },
                        .read_file = {}};
  for (const PolicyTemplate& one : filled) {
    Findings findings;
    Draft scratch;
    scratch.policy.currency = currency;
    read_policy(YamlMap(one.policy, "policy", findings, nothing), "", scratch);
    for (const std::string& error : findings.errors())
      complaints.push_back(fmt::format("{}: {}", one.file, error));
  }
  return complaints;
}

std::optional<YAML::Node> expand_entry(YamlMap& entry, const TemplateFolder& folder,
                                       const Currency& currency) {
  const std::optional<std::string> reference = entry.text("template");
  if (!reference) return std::nullopt;
  auto lineage = folder.lineage(*reference);
  const auto report = [&](const Complaints& complaints) {
    for (const std::string& complaint : complaints)
      entry.complain("template", complaint);
    return !complaints.empty();
  };
  if (!lineage) {
    report(lineage.error());
    return std::nullopt;
  }
  const std::optional<ParameterValues> values = read_values(entry, *lineage, currency);
  if (!values) return std::nullopt;
  if (report(fill_in(*lineage, *values, false))) return std::nullopt;
  if (report(check_templates(*lineage, currency))) return std::nullopt;
  YAML::Node merged(YAML::NodeType::Map);
  for (const PolicyTemplate& one : *lineage)
    if (one.policy.IsMap()) merged = merge_policies(merged, one.policy);
  const YAML::Node own = own_settings(entry.yaml());
  if (const std::string why = complaint_about_shape(own); !why.empty()) {
    entry.complain("template", "the settings beside it: " + why);
    return std::nullopt;
  }
  return merge_policies(merged, own);
}

void read_policies(YamlMap& root, Draft& draft) {
  const TemplateFolder folder = template_folder(root);
  std::optional<YamlMap> map = root.map("policies");
  if (!map) return;
  for (const auto& [token, node] : map->entries()) {
    YamlMap entry = map->child(token, node);
    if (!entry.has("template")) {
      read_policy(std::move(entry), token, draft);
    } else if (const auto expanded = expand_entry(entry, folder, draft.policy.currency)) {
      read_policy(map->child(token, *expanded), token, draft);
    }
  }
}

}  // namespace satgate::app
