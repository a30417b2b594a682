#include "app/config/policy_edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <ranges>
#include <vector>

namespace satgate::app {
namespace {

using Lines = std::vector<std::string>;

struct Range {
  size_t begin = 0, end = 0;  // lines
};

Lines lines_of(std::string_view text) {
  Lines lines;
  for (const auto part : std::views::split(text, '\n'))
    lines.emplace_back(part.begin(), part.end());
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::string text_of(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines)
    text += line + "\n";
  return text;
}

// In flow style, so that it fits any line.
std::string emit(const YAML::Node& node) {
  YAML::Emitter out;
  out << YAML::Flow << node;
  return out.c_str();
}

std::string emit(const ParameterValues& values) {
  YAML::Emitter out;
  out << YAML::Flow << YAML::BeginMap;
  for (const auto& [name, value] : values)
    out << YAML::Key << name << YAML::Value << value;
  out << YAML::EndMap;
  return out.c_str();
}

// Blank, or nothing but a comment.
bool says_nothing(const std::string& line) {
  const size_t first = line.find_first_not_of(" \t\r");
  return first == line.npos || line[first] == '#';
}

// The lines of the block that begins with a key at this place: up to the next line that is not
// deeper, without the blank lines and comments before it.
Range block_at(const Lines& lines, const YAML::Mark& key) {
  const auto begin = static_cast<size_t>(key.line);
  const auto indent = static_cast<size_t>(key.column);
  size_t end = begin + 1;
  for (size_t i = begin + 1; i < lines.size(); ++i) {
    if (says_nothing(lines[i])) continue;
    if (lines[i].find_first_not_of(' ') <= indent) break;
    end = i + 1;
  }
  return {begin, end};
}

std::optional<YAML::Node> key_node(const YAML::Node& map, std::string_view key) {
  if (!map.IsMap()) return std::nullopt;
  for (const auto& pair : map) {
    if (pair.first.IsScalar() && pair.first.Scalar() == key) return pair.first;
  }
  return std::nullopt;
}

bool is_block(const YAML::Node& map) {
  return map.IsMap() && map.size() > 0 && map.Style() != YAML::EmitterStyle::Flow;
}

class Editor {
 public:
  Editor(std::string_view text, const std::string& token, const std::string& reference,
         const ParameterValues& values)
      : lines_(lines_of(text)), token_(token), reference_(reference), values_(values) {}

  // False: this file can not be changed line by line.
  bool edit(const YAML::Node& root) {
    if (!root.IsNull() && !is_block(root)) return false;
    const auto key = key_node(root, "policies");
    if (!key) {
      insert(lines_.size(), {"", "policies:"});
      insert(lines_.size(), entry(2));
      return true;
    }
    const YAML::Node policies = root["policies"];
    if (policies.IsNull()) {
      insert(block_at(lines_, key->Mark()).begin + 1, entry(2));
      return true;
    }
    if (!is_block(policies)) return false;
    const auto known = key_node(policies, token_);
    if (known) {
      change(known->Mark(), policies[token_]);
      return true;
    }
    const auto indent = static_cast<size_t>(policies.begin()->first.Mark().column);
    insert(block_at(lines_, key->Mark()).end, entry(indent));
    return true;
  }

  std::string text() const { return text_of(lines_); }

 private:
  Lines settings(size_t indent) const {
    const std::string blanks(indent, ' ');
    Lines lines = {blanks + "template: " + reference_};
    if (!values_.empty()) lines.push_back(blanks + "parameters: " + emit(values_));
    return lines;
  }

  Lines entry(size_t indent) const {
    Lines lines = {std::string(indent, ' ') + emit(YAML::Node(token_)) + ":"};
    std::ranges::copy(settings(indent + 2), std::back_inserter(lines));
    return lines;
  }

  void insert(size_t at, const Lines& lines) {
    lines_.insert(lines_.begin() + static_cast<ptrdiff_t>(at), lines.begin(), lines.end());
  }

  void erase(Range range) {
    lines_.erase(lines_.begin() + static_cast<ptrdiff_t>(range.begin),
                 lines_.begin() + static_cast<ptrdiff_t>(range.end));
  }

  void change(const YAML::Mark& key, const YAML::Node& settings_now) {
    if (is_block(settings_now)) return change_block(key, settings_now);
    const Range old = block_at(lines_, key);
    const auto indent = static_cast<size_t>(key.column);
    Lines lines = entry(indent);
    if (settings_now.IsMap()) {
      for (const auto& pair : settings_now) {
        const std::string& name = pair.first.Scalar();
        if (name == "template" || name == "parameters") continue;
        lines.push_back(std::string(indent + 2, ' ') + emit(pair.first) + ": " + emit(pair.second));
      }
    }
    erase(old);
    insert(old.begin, lines);
  }

  // The entry's own lines stay, with their comments.
  void change_block(const YAML::Mark& key, const YAML::Node& settings_now) {
    const auto indent = static_cast<size_t>(settings_now.begin()->first.Mark().column);
    std::vector<Range> gone;
    for (const char* name : {"template", "parameters"}) {
      if (const auto old = key_node(settings_now, name)) {
        gone.push_back(block_at(lines_, old->Mark()));
      }
    }
    std::ranges::sort(gone, std::greater(), &Range::begin);
    for (const Range& range : gone)
      erase(range);
    insert(static_cast<size_t>(key.line) + 1, settings(indent));
  }

  Lines lines_;
  const std::string& token_;
  const std::string& reference_;
  const ParameterValues& values_;
};

// Everything of the file but the entry, and of the entry everything but what was to change.
std::string rest_of(const YAML::Node& root, const std::string& token) {
  YAML::Node rest = YAML::Clone(root);
  std::string own;
  if (rest["policies"]) {
    YAML::Node entry = rest["policies"][token];
    if (entry.IsMap()) {
      entry.remove("template");
      entry.remove("parameters");
      for (const std::string& line : policy_lines(entry))
        own += line + "\n";
    }
    if (rest["policies"].IsMap()) rest["policies"].remove(token);
    if (rest["policies"].size() == 0) rest.remove("policies");
  }
  return emit(rest) + "\n" + own;
}

bool says_so(const YAML::Node& root, const std::string& token, const std::string& reference,
             const ParameterValues& values) {
  const YAML::Node entry = root["policies"][token];
  if (!entry.IsMap() || !entry["template"] || entry["template"].Scalar() != reference) return false;
  ParameterValues found;
  if (entry["parameters"]) found = entry["parameters"].as<ParameterValues>();
  return found == values;
}

}  // namespace

Result<std::string> with_template(std::string_view text, const std::string& token,
                                  const std::string& reference, const ParameterValues& values) {
  const std::string by_hand = fmt::format(
      "this file can not be changed line by line; write `{}: {{template: {}{}}}` under "
      "`policies` yourself",
      token, reference, values.empty() ? "" : ", parameters: " + emit(values));
  try {
    const YAML::Node before = YAML::Load(std::string(text));
    if (!complaint_about_shape(before).empty()) return fail(by_hand);
    Editor editor(text, token, reference, values);
    if (!editor.edit(before)) return fail(by_hand);
    const YAML::Node after = YAML::Load(editor.text());
    const bool only_this = rest_of(before, token) == rest_of(after, token);
    if (!only_this || !says_so(after, token, reference, values)) return fail(by_hand);
    return editor.text();
  } catch (const YAML::Exception&) {
    return fail(by_hand);
  }
}

}  // namespace satgate::app
