#include "app/config/policy_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "base/text.h"
#include "base/time.h"

namespace satgate::app {
namespace {

constexpr std::array<std::string_view, 5> kTypes = {"amount", "whole", "duration", "boolean",
                                                    "text"};
constexpr size_t kDepthMax = 8;  // of mappings in a policy; three are in use

bool is_name(std::string_view text) {
  constexpr std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return !text.empty() && text.size() <= 64 && text.front() != '.' &&
         text.find_first_not_of(allowed) == text.npos;
}

TemplateParameter read_parameter(YamlMap map, const std::string& name) {
  TemplateParameter parameter{.name = name, .type = {}, .description = {}, .preset = {}};
  if (!is_name(name)) map.complain("", "a parameter's name has letters, digits, '-', '_' and '.'");
  parameter.type = map.text("type").value_or("text");
  if (std::ranges::find(kTypes, parameter.type) == kTypes.end()) {
    map.complain("type", fmt::format("must be one of {}", fmt::join(kTypes, ", ")));
  }
  parameter.description = map.text("description").value_or("");
  parameter.preset = map.text("default");
  if (parameter.preset) {
    // What a satoshi is worth is the config's matter.
    if (const std::string why =
            complaint_about(parameter, *parameter.preset, Currency{.nano_per_sat = 1});
        !why.empty())
      map.complain("default", why);
  }
  map.finish();
  return parameter;
}

PolicyTemplate read_template(YamlMap root, const std::string& reference) {
  PolicyTemplate read;
  read.reference = reference;
  const std::string name = root.text("name").value_or("");
  const std::string version = root.text("version").value_or("");
  if (fmt::format("{}@{}", name, version) != reference) {
    root.complain("name",
                  fmt::format("name and version must be those of the file's name, {}", reference));
  }
  read.description = root.text("description").value_or("");
  read.inherit = root.text("inherit").value_or("");
  if (!read.inherit.empty() && !parse_reference(read.inherit)) {
    root.complain("inherit", "must name a template and its version, as in base-agent@1");
  }
  if (std::optional<YamlMap> parameters = root.map("parameters")) {
    for (const auto& [key, node] : parameters->entries())
      read.parameters.push_back(read_parameter(parameters->child(key, node), key));
  }
  if (auto policy = root.node("policy"); policy && !policy->IsNull()) {
    read.policy = *policy;
    if (!policy->IsMap()) root.complain("policy", "must be a mapping of keys");
    if (const std::string why = complaint_about_shape(*policy); !why.empty())
      root.complain("policy", why);
  }
  root.finish();
  return read;
}

// Where in a file a value stands, for a complaint about it.
std::string place(const PolicyTemplate& in, const YAML::Node& node, std::string_view path) {
  return fmt::format("{}: line {}: policy.{}", in.file, node.Mark().line + 1, path);
}

// Replaces each `${name}` of one scalar.
class Filler {
 public:
  Filler(const PolicyTemplate& in, const ParameterValues& values, bool open, Complaints& complaints)
      : in_(in), values_(values), open_(open), complaints_(complaints) {}

  void fill(YAML::Node node, const std::string& path) {
    if (node.IsScalar()) return fill_scalar(node, path);
    if (node.IsSequence()) {
      for (size_t i = 0; i < node.size(); ++i)
        fill(node[i], fmt::format("{}[{}]", path, i));
    } else if (node.IsMap()) {
      for (const auto& pair : node)
        fill(pair.second, path.empty() ? pair.first.Scalar() : path + "." + pair.first.Scalar());
    }
  }

 private:
  void fill_scalar(YAML::Node node, const std::string& path) {
    const std::string raw = node.Scalar();
    std::string filled;
    size_t from = 0;
    for (size_t start = raw.find("${"); start != raw.npos; start = raw.find("${", from)) {
      const size_t end = raw.find('}', start);
      const std::string name = end == raw.npos ? "" : raw.substr(start + 2, end - start - 2);
      const auto value = values_.find(name);
      if (value == values_.end()) {
        if (open_ && !name.empty()) return;
        return complain(node, path, name);
      }
      filled += raw.substr(from, start - from) + value->second;
      from = end + 1;
    }
    if (from > 0) node = filled + raw.substr(from);
  }

  void complain(const YAML::Node& node, const std::string& path, const std::string& name) {
    std::string known;
    for (const auto& [key, value] : values_)
      known += (known.empty() ? "" : ", ") + key;
    complaints_.push_back(
        fmt::format("{}: '${{{}}}' is no parameter; declare it under `parameters` (declared: {})",
                    place(in_, node, path), name, known.empty() ? "none" : known));
  }

  const PolicyTemplate& in_;
  const ParameterValues& values_;
  bool open_;
  Complaints& complaints_;
};

std::string shape_complaint(const YAML::Node& node, size_t depth) {
  if (depth > kDepthMax) return "is nested too deeply";
  if (node.IsSequence()) {
    for (const YAML::Node& item : node) {
      if (std::string why = shape_complaint(item, depth + 1); !why.empty()) return why;
    }
  }
  if (!node.IsMap()) return "";
  for (const auto& pair : node) {
    if (!pair.first.IsScalar()) return "keys must be plain names";
    if (std::string why = shape_complaint(pair.second, depth + 1); !why.empty()) return why;
  }
  return "";
}

void add_lines(std::vector<std::string>& lines, const YAML::Node& node, const std::string& path) {
  if (node.IsMap() && node.size() > 0) {
    for (const auto& pair : node) {
      const std::string& key = pair.first.Scalar();
      add_lines(lines, pair.second, path.empty() ? key : path + "." + key);
    }
  } else if (node.IsSequence()) {
    std::string items;
    for (const YAML::Node& item : node)
      items += (items.empty() ? "" : ", ") + (item.IsScalar() ? item.Scalar() : YAML::Dump(item));
    lines.push_back(fmt::format("{}: [{}]", path, items));
  } else if (!path.empty()) {
    lines.push_back(fmt::format("{}: {}", path, node.IsScalar() ? node.Scalar() : "{}"));
  }
}

}  // namespace

std::optional<TemplateReference> parse_reference(std::string_view text) {
  const size_t at = text.rfind('@');
  if (at == text.npos || !is_name(text.substr(0, at))) return std::nullopt;
  const std::string_view digits = text.substr(at + 1);
  const std::optional<uint64_t> version = parse_uint(digits);
  if (!version || *version == 0 || digits.front() == '0') return std::nullopt;
  return TemplateReference{std::string(text.substr(0, at)), *version};
}

Read<PolicyTemplate> TemplateFolder::load(const std::string& reference) const {
  if (!parse_reference(reference)) {
    return std::unexpected(Complaints{fmt::format(
        "'{}' names no template; write a name and a version, as in coding-agent@2", reference)});
  }
  const std::string file = (folder_ / (reference + ".yaml")).string();
  const Result<std::string> text = read_file_(file);
  if (!text) {
    const auto other = newest(parse_reference(reference)->name);
    return std::unexpected(
        Complaints{fmt::format("there is no template {}: {}{}", reference, text.error().message,
                               other ? "; the newest version is " + *other : "")});
  }
  Findings findings;
  const Sources nothing{.environment = [](std::string_view) { return std::nullopt; },
                        .read_file = read_file_};
  PolicyTemplate read;
  try {
    read = read_template(YamlMap(YAML::Load(*text), "", findings, nothing), reference);
  } catch (const YAML::Exception& e) {
    findings.error(e.mark, "the file", e.msg);
  }
  read.file = file;
  Complaints complaints;
  for (const std::string& error : findings.errors())
    complaints.push_back(fmt::format("{}: {}", file, error));
  if (!complaints.empty()) return std::unexpected(std::move(complaints));
  return read;
}

Read<std::vector<PolicyTemplate>> TemplateFolder::lineage(const std::string& reference) const {
  std::vector<PolicyTemplate> lineage;
  std::string chain;
  for (std::string next = reference; !next.empty(); next = lineage.front().inherit) {
    chain += (chain.empty() ? "" : " -> ") + next;
    const bool seen = std::ranges::find(lineage, next, &PolicyTemplate::reference) != lineage.end();
    if (seen) {
      return std::unexpected(
          Complaints{fmt::format("{}: inherit: templates inherit from each other in a circle: {}",
                                 lineage.front().file, chain)});
    }
    auto read = load(next);
    if (!read && !lineage.empty()) {
      for (std::string& complaint : read.error())
        complaint = fmt::format("{}: inherit: {}", lineage.front().file, complaint);
    }
    if (!read) return std::unexpected(std::move(read.error()));
    lineage.insert(lineage.begin(), std::move(*read));
  }
  return lineage;
}

std::vector<std::string> TemplateFolder::references() const {
  std::vector<TemplateReference> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    if (entry.path().extension() != ".yaml") continue;
    if (auto reference = parse_reference(entry.path().stem().string())) found.push_back(*reference);
  }
  std::ranges::sort(found, {},
                    [](const TemplateReference& r) { return std::pair(r.name, r.version); });
  std::vector<std::string> out;
  for (const TemplateReference& r : found)
    out.push_back(fmt::format("{}@{}", r.name, r.version));
  return out;
}

std::optional<std::string> TemplateFolder::newest(std::string_view name) const {
  std::optional<std::string> found;
  for (const std::string& reference : references()) {
    if (parse_reference(reference)->name == name) found = reference;
  }
  return found;
}

std::vector<TemplateParameter> parameters_of(const std::vector<PolicyTemplate>& lineage) {
  std::vector<TemplateParameter> all;
  for (const PolicyTemplate& one : lineage) {
    for (const TemplateParameter& parameter : one.parameters) {
      const auto known = std::ranges::find(all, parameter.name, &TemplateParameter::name);
      if (known == all.end()) {
        all.push_back(parameter);
      } else {
        *known = parameter;
      }
    }
  }
  return all;
}

std::string complaint_about(const TemplateParameter& parameter, const std::string& value,
                            const Currency& currency) {
  const auto must_be = [&](std::string_view what) {
    return fmt::format("'{}' must be {}", value, what);
  };
  if (value.contains("${")) return must_be("a value, without '${'");
  if (parameter.type == "amount") {
    const Result<Money> money = parse_amount(value, currency);
    return money ? "" : money.error().message;
  }
  if (parameter.type == "whole") return parse_uint(value) ? "" : must_be("a whole number");
  if (parameter.type == "duration") {
    const bool is_one = parse_duration_seconds(value) || parse_uint(value).value_or(0) > 0;
    return is_one ? "" : must_be("a duration like 30s, 5m or 1h");
  }
  if (parameter.type == "boolean") {
    return value == "true" || value == "false" ? "" : must_be("true or false");
  }
  return "";
}

Complaints fill_in(std::vector<PolicyTemplate>& lineage, const ParameterValues& values, bool open) {
  Complaints complaints;
  ParameterValues all = values;
  for (const TemplateParameter& parameter : parameters_of(lineage)) {
    if (values.contains(parameter.name)) continue;
    if (parameter.preset) {
      all[parameter.name] = *parameter.preset;
    } else if (!open) {
      complaints.push_back(
          fmt::format("{} needs the parameter '{}' ({}{}{}); give it under `parameters`",
                      lineage.back().reference, parameter.name, parameter.type,
                      parameter.description.empty() ? "" : ": ", parameter.description));
    }
  }
  if (!complaints.empty()) return complaints;
  for (PolicyTemplate& one : lineage)
    Filler(one, all, open, complaints).fill(one.policy, "");
  return complaints;
}

YAML::Node merge_policies(const YAML::Node& base, const YAML::Node& over) {
  if (!base.IsMap() || !over.IsMap()) return over;
  YAML::Node merged(YAML::NodeType::Map);
  for (const auto& pair : base) {
    const YAML::Node other = over[pair.first.Scalar()];
    merged.force_insert(pair.first, other ? merge_policies(pair.second, other) : pair.second);
  }
  for (const auto& pair : over) {
    if (!base[pair.first.Scalar()]) merged.force_insert(pair.first, pair.second);
  }
  return merged;
}

std::string complaint_about_shape(const YAML::Node& node) {
  return shape_complaint(node, 0);
}

std::vector<std::string> policy_lines(const YAML::Node& policy) {
  std::vector<std::string> lines;
  add_lines(lines, policy, "");
  return lines;
}

}  // namespace satgate::app
