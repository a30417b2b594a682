#include <fmt/format.h>

#include <algorithm>

#include "app/commands/flags.h"
#include "app/commands/policy.h"
#include "app/config/config.h"
#include "app/config/policy_entry.h"
#include "app/config/sections.h"

namespace satgate::app {
namespace {

std::string together(const Complaints& complaints) {
  std::string all;
  for (const std::string& complaint : complaints)
    all += (all.empty() ? "" : "\n  ") + printable(complaint);
  return all;
}

PolicyUse read_use(YamlMap entry, const std::string& token, const PolicyFile& policies) {
  PolicyUse use{.token = token, .reference = {}, .parameters = {}, .settings = entry.yaml()};
  if (!entry.has("template")) return use;
  use.reference = entry.text("template").value_or("");
  if (const auto given = entry.node("parameters"); given && given->IsMap()) {
    for (const auto& pair : *given) {
      if (pair.second.IsScalar()) use.parameters[pair.first.Scalar()] = pair.second.Scalar();
    }
  }
  use.settings = expand_entry(entry, policies.folder, policies.currency);
  return use;
}

}  // namespace

const PolicyUse* PolicyFile::find(std::string_view token) const {
  const auto found = std::ranges::find(uses, token, &PolicyUse::token);
  return found == uses.end() ? nullptr : &*found;
}

Expected<PolicyFile> read_policy_file(const std::string& file,
                                      const std::optional<std::string>& text) {
  const std::string name = file.empty() ? "./satgate.yaml" : file;
  Sources sources = process_sources();
  sources.folder = std::filesystem::path(name).parent_path();
  PolicyFile policies{.file = name,
                      .text = text.value_or(""),
                      .currency = {},
                      .folder = TemplateFolder({}, sources.read_file),
                      .uses = {}};
  if (!text) {
    TRY_ASSIGN(policies.text, sources.read_file(name));
  }
  Findings findings;
  try {
    YamlMap root(YAML::Load(policies.text), "", findings, sources);
    Draft draft;
    read_currency(root, draft);
    policies.currency = draft.policy.currency;
    policies.folder = template_folder(root);
    if (std::optional<YamlMap> map = root.map("policies")) {
      for (const auto& [token, node] : map->entries())
        policies.uses.push_back(read_use(map->child(token, node), token, policies));
    }
  } catch (const YAML::Exception& e) {
    findings.error(e.mark, "the file", e.msg);
    return failed(fmt::format("{}: {}", name, together(findings.errors())));
  }
  return policies;
}

Expected<FilledTemplate> fill_template(const PolicyFile& policies, const std::string& reference,
                                       const ParameterValues& values) {
  auto lineage = policies.folder.lineage(reference);
  if (!lineage) return failed(together(lineage.error()));
  const std::vector<TemplateParameter> known = parameters_of(*lineage);
  Complaints complaints;
  for (const auto& [name, value] : values) {
    const auto parameter = std::ranges::find(known, name, &TemplateParameter::name);
    if (parameter == known.end()) {
      complaints.push_back(fmt::format("{} has no parameter '{}'", reference, name));
    } else if (std::string why = complaint_about(*parameter, value, policies.currency);
               !why.empty()) {
      complaints.push_back(fmt::format("{}: {}", name, why));
    }
  }
  if (!complaints.empty()) return failed(together(complaints));
  FilledTemplate filled{.lineage = std::move(*lineage),
                        .settings = YAML::Node(YAML::NodeType::Map)};
  complaints = fill_in(filled.lineage, values, true);
  if (!complaints.empty()) return failed(together(complaints));
  for (const PolicyTemplate& one : filled.lineage) {
    if (one.policy.IsMap()) filled.settings = merge_policies(filled.settings, one.policy);
  }
  const std::vector<std::string> lines = policy_lines(filled.settings);
  const auto is_open = [](const std::string& line) { return line.contains("${"); };
  if (std::ranges::any_of(lines, is_open)) return filled;
  complaints = check_templates(filled.lineage, policies.currency);
  if (!complaints.empty()) return failed(together(complaints));
  return filled;
}

Expected<std::string> find_template(const PolicyFile& policies, const std::string& written) {
  if (written.contains('@')) return written;
  if (auto newest = policies.folder.newest(written)) return *newest;
  return failed(fmt::format("there is no template '{}' in {}; see: satgate policy list", written,
                            policies.folder.path().string()));
}

Expected<ParameterValues> parameter_values(const std::vector<std::string>& written) {
  ParameterValues values;
  for (const std::string& one : written) {
    const auto [name, value] = split_label(one);
    if (!values.emplace(name, value).second) {
      return wrong_use(fmt::format("the parameter '{}' is given twice", name));
    }
  }
  return values;
}

std::vector<std::string> changes_between(const std::vector<std::string>& from,
                                         const std::vector<std::string>& to) {
  const auto path_of = [](std::string_view line) { return line.substr(0, line.find(": ")); };
  std::vector<std::string> changes;
  for (const std::string& line : from) {
    if (std::ranges::find(to, line) != to.end()) continue;
    changes.push_back("- " + line);
    const auto other = std::ranges::find(to, path_of(line), path_of);
    if (other != to.end()) changes.push_back("+ " + *other);
  }
  for (const std::string& line : to) {
    if (std::ranges::find(from, path_of(line), path_of) == from.end()) {
      changes.push_back("+ " + line);
    }
  }
  return changes;
}

void add_config_file(CLI::App& command, std::string& file) {
  add_text(command, "--config", file, "config file; default ./satgate.yaml")->type_name("FILE");
}

void add_parameters(CLI::App& command, std::vector<std::string>& values) {
  const auto is_setting = [](const std::string& text) {
    const auto [name, value] = split_label(text);
    return name.empty() || value.empty() ? "a parameter is written NAME=VALUE" : "";
  };
  command.add_option("--parameter,--parameters", values, "value of a parameter; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->check(CLI::Validator(
          [is_setting](std::string& text) { return std::string(is_setting(text)); }, "", ""));
}

}  // namespace satgate::app
