// policy list, show, diff.
#include "app/commands/policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/commands/flags.h"
#include "app/commands/table.h"

namespace satgate::app {
namespace {

struct ListFlags {
  std::string config;
};
void declare_list(CLI::App& command, ListFlags& flags) {
  add_config_file(command, flags.config);
}

struct ShowFlags {
  std::string reference, config;
  std::vector<std::string> parameters;
};
void declare_show(CLI::App& command, ShowFlags& flags) {
  add_text(command, "template", flags.reference, "NAME@VERSION, or NAME for the newest")
      ->required();
  add_parameters(command, flags.parameters);
  add_config_file(command, flags.config);
}

struct DiffFlags {
  std::string from, to, config;
};
void declare_diff(CLI::App& command, DiffFlags& flags) {
  add_text(command, "from", flags.from, "a template, or a token of `policies`")->required();
  add_text(command, "to", flags.to, "what it is compared with")->required();
  add_config_file(command, flags.config);
}

std::string parameter_text(const TemplateParameter& parameter) {
  return fmt::format("{} ({}, {})", parameter.name, parameter.type,
                     parameter.preset.value_or("required"));
}

Json parameter_json(const TemplateParameter& parameter) {
  Json out = {{"name", parameter.name}, {"type", parameter.type}};
  if (parameter.preset) out["default"] = *parameter.preset;
  out["required"] = !parameter.preset.has_value();
  if (!parameter.description.empty()) out["description"] = parameter.description;
  return out;
}

Json template_json(const FilledTemplate& filled) {
  const PolicyTemplate& own = filled.lineage.back();
  Json out = {{"template", own.reference}, {"description", own.description}, {"file", own.file}};
  out["inherit"] = own.inherit.empty() ? Json() : Json(own.inherit);
  out["parameters"] = Json::array();
  for (const TemplateParameter& parameter : parameters_of(filled.lineage))
    out["parameters"].push_back(parameter_json(parameter));
  return out;
}

std::vector<std::string> users_of(const PolicyFile& policies, const std::string& reference) {
  std::vector<std::string> users;
  for (const PolicyUse& use : policies.uses) {
    if (use.reference == reference) users.push_back(use.token);
  }
  return users;
}

Outcome run_list(const Context& context, const ListFlags& flags) {
  TRY_ASSIGN(const PolicyFile policies, read_policy_file(flags.config));
  Table table({{"TEMPLATE"}, {"INHERITS"}, {"PARAMETERS"}, {"USED BY"}, {"DESCRIPTION"}});
  Json all = Json::array();
  std::string broken;
  for (const std::string& reference : policies.folder.references()) {
    const std::vector<std::string> users = users_of(policies, reference);
    const auto filled = fill_template(policies, reference, {});
    if (!filled) {
      broken += "\n  " + filled.error().message;
      continue;
    }
    all.push_back(template_json(*filled));
    all.back()["used_by"] = users;
    std::vector<std::string> names;
    for (const TemplateParameter& parameter : parameters_of(filled->lineage))
      names.push_back(parameter_text(parameter));
    const PolicyTemplate& own = filled->lineage.back();
    table.row({reference, own.inherit, fmt::format("{}", fmt::join(names, ", ")),
               fmt::format("{}", fmt::join(users, ", ")), own.description});
  }
  if (context.json) {
    print_json(all);
  } else if (table.empty() && broken.empty()) {
    fmt::print("No templates in {}. See: satgate policy list --help\n",
               policies.folder.path().string());
  } else if (!table.empty()) {
    fmt::print("{}", table.text(context.colour));
  }
  if (!broken.empty()) return failed("templates with mistakes:" + broken);
  return {};
}

Outcome run_show(const Context& context, const ShowFlags& flags) {
  TRY_ASSIGN(const PolicyFile policies, read_policy_file(flags.config));
  TRY_ASSIGN(const ParameterValues values, parameter_values(flags.parameters));
  TRY_ASSIGN(const std::string reference, find_template(policies, flags.reference));
  TRY_ASSIGN(const FilledTemplate filled, fill_template(policies, reference, values));
  if (context.json) {
    Json out = template_json(filled);
    out["used_by"] = users_of(policies, reference);
    out["settings"] = policy_lines(filled.settings);
    print_json(out);
    return {};
  }
  const PolicyTemplate& own = filled.lineage.back();
  fmt::print("# {}  {}\n", reference, printable(own.description));
  for (const PolicyTemplate& one : filled.lineage) {
    if (one.reference != reference) fmt::print("# inherits {}\n", one.reference);
  }
  for (const TemplateParameter& parameter : parameters_of(filled.lineage))
    fmt::print("# parameter {}  {}\n", parameter_text(parameter), printable(parameter.description));
  for (const std::string& line : policy_lines(filled.settings))
    fmt::print("{}\n", printable(line));
  return {};
}

// A template's settings, or what an entry of `policies` comes to.
Expected<std::vector<std::string>> settings_of(const PolicyFile& policies,
                                               const std::string& written) {
  if (const PolicyUse* use = written.contains('@') ? nullptr : policies.find(written)) {
    if (policies.folder.newest(written)) {
      return failed(
          fmt::format("'{}' is a token and a template; write the template's version", written));
    }
    if (!use->settings) {
      return failed(fmt::format("policies.{} has mistakes; see: satgate config check {}", written,
                                policies.file));
    }
    return policy_lines(*use->settings);
  }
  TRY_ASSIGN(const std::string reference, find_template(policies, written));
  TRY_ASSIGN(const FilledTemplate filled, fill_template(policies, reference, {}));
  return policy_lines(filled.settings);
}

Outcome run_diff(const Context& context, const DiffFlags& flags) {
  TRY_ASSIGN(const PolicyFile policies, read_policy_file(flags.config));
  TRY_ASSIGN(const auto from, settings_of(policies, flags.from));
  TRY_ASSIGN(const auto to, settings_of(policies, flags.to));
  const std::vector<std::string> changes = changes_between(from, to);
  if (context.json) {
    print_json({{"from", flags.from}, {"to", flags.to}, {"changes", changes}});
    return {};
  }
  for (const std::string& change : changes)
    fmt::print("{}\n", printable(change));
  if (changes.empty()) fmt::print("No difference.\n");
  return {};
}

}  // namespace

void add_policy_commands(CLI::App& root, Context& context) {
  CLI::App& group = add_group(
      root, {"policy", "Templates of policies, and who uses them", "satgate policy list"});
  add_command(group, context,
              {"list", "List templates, their parameters and the tokens that use them",
               "satgate policy list --config satgate.yaml"},
              declare_list, run_list);
  add_command(group, context,
              {"show", "Show what a template comes to",
               "satgate policy show coding-agent@2 --parameter daily=25"},
              declare_show, run_show);
  add_command(group, context,
              {"diff", "Show what differs between two templates, or a token's policy and one",
               "satgate policy diff coding-agent@1 coding-agent@2\n"
               "  satgate policy diff cursor-agent coding-agent@2"},
              declare_diff, run_diff);
  add_policy_apply(group, context);
}

}  // namespace satgate::app
