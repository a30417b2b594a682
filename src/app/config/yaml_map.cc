#include "app/config/yaml_map.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/time.h"

namespace satgate::app {
namespace {

std::string place(const YAML::Mark& where, std::string_view path, std::string_view what) {
  if (where.is_null() || where.line < 0) return fmt::format("{}: {}", path, what);
  return fmt::format("line {}: {}: {}", where.line + 1, path, what);
}

// Edit distance, for "did you mean"; names are short.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace

void Findings::error(const YAML::Mark& where, std::string_view path, std::string_view what) {
  errors_.push_back(place(where, path, what));
}

void Findings::error(std::string_view path, std::string_view what) {
  errors_.push_back(fmt::format("{}: {}", path, what));
}

void Findings::warning(const YAML::Mark& where, std::string_view path, std::string_view what) {
  warnings_.push_back(place(where, path, what));
}

YamlMap::YamlMap(const YAML::Node& node, std::string path, Findings& findings,
                 const Sources& sources)
    : node_(node), path_(std::move(path)), findings_(findings), sources_(sources) {
  if (node_.IsNull()) return;  // `tools:` with nothing below is an empty mapping
  if (!node_.IsMap()) {
    findings_.error(node_.Mark(), path_.empty() ? "the file" : path_, "must be a mapping of keys");
    node_ = YAML::Node();
    return;
  }
  std::set<std::string> seen;
  for (const auto& pair : node_) {
    const std::string key = pair.first.IsScalar() ? pair.first.Scalar() : "";
    if (key.empty()) {
      findings_.error(pair.first.Mark(), path_, "keys must be plain names");
    } else if (!seen.insert(key).second) {
      findings_.error(pair.first.Mark(), at(key), "this key is written twice; keep one of them");
    }
  }
}

std::string YamlMap::at(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

std::optional<YAML::Node> YamlMap::find(std::string_view key) const {
  if (!node_.IsMap()) return std::nullopt;
  for (const auto& pair : node_) {
    if (pair.first.IsScalar() && pair.first.Scalar() == key) return pair.second;
  }
  return std::nullopt;
}

std::optional<YAML::Node> YamlMap::node(std::string_view key) {
  asked_.emplace(key);
  return find(key);
}

std::optional<std::string> YamlMap::expand(std::string_view key, const std::string& raw) {
  std::string out;
  size_t from = 0;
  while (true) {
    const size_t start = raw.find("${", from);
    if (start == raw.npos) return out + raw.substr(from);
    const size_t end = raw.find('}', start);
    if (end == raw.npos) {
      complain(key, "'${' without '}'");
      return std::nullopt;
    }
    const std::string name = raw.substr(start + 2, end - start - 2);
    const std::optional<std::string> value = sources_.environment(name);
    if (!value) {
      complain(key, fmt::format("the environment variable {} is not set; export it, or write the "
                                "value as file:PATH",
                                name));
      return std::nullopt;
    }
    out += raw.substr(from, start - from) + *value;
    from = end + 1;
  }
}

std::optional<std::string> YamlMap::scalar(std::string_view key) {
  const std::optional<YAML::Node> found = node(key);
  if (!found) return std::nullopt;
  if (!found->IsScalar()) {
    complain(key, found->IsNull() ? "has no value" : "must be a single value");
    return std::nullopt;
  }
  return expand(key, found->Scalar());
}

std::optional<std::string> YamlMap::text(std::string_view key) {
  return scalar(key);
}

std::optional<std::string> YamlMap::secret(std::string_view key) {
  std::optional<std::string> value = scalar(key);
  if (!value || !value->starts_with("file:")) return value;
  Result<std::string> content = sources_.read_file(value->substr(5));
  if (!content) {
    complain(key, content.error().message);
    return std::nullopt;
  }
  while (!content->empty() && (content->back() == '\n' || content->back() == '\r')) {
    content->pop_back();
  }
  return std::move(*content);
}

std::optional<std::string> YamlMap::token_name(std::string_view key) {
  std::optional<std::string> name = scalar(key);
  if (name && sources_.has_token && !sources_.has_token(*name)) {
    complain(key, fmt::format("there is no token '{0}' in the data directory; create it with "
                              "'satgate token create --name {0}'",
                              *name));
  }
  return name;
}

std::optional<bool> YamlMap::boolean(std::string_view key) {
  const std::optional<std::string> value = scalar(key);
  if (!value) return std::nullopt;
  if (*value == "true") return true;
  if (*value == "false") return false;
  complain(key, fmt::format("'{}' must be true or false", *value));
  return std::nullopt;
}

std::optional<int64_t> YamlMap::whole(std::string_view key, int64_t min, int64_t max) {
  const std::optional<std::string> value = scalar(key);
  if (!value) return std::nullopt;
  const std::optional<uint64_t> number = parse_uint(*value);
  if (!number || *number > static_cast<uint64_t>(max) || static_cast<int64_t>(*number) < min) {
    complain(key, fmt::format("'{}' must be a whole number from {} to {}", *value, min, max));
    return std::nullopt;
  }
  return static_cast<int64_t>(*number);
}

std::optional<int64_t> YamlMap::seconds(std::string_view key) {
  const std::optional<std::string> value = scalar(key);
  if (!value) return std::nullopt;
  if (const auto bare = parse_uint(*value); bare && *bare > 0 && *bare < 100'000'000) {
    return static_cast<int64_t>(*bare);
  }
  const std::optional<int64_t> duration = parse_duration_seconds(*value);
  if (!duration) complain(key, fmt::format("'{}' must be a duration like 30s, 5m or 1h", *value));
  return duration;
}

std::optional<Money> YamlMap::amount(std::string_view key, const Currency& currency) {
  const std::optional<std::string> value = scalar(key);
  if (!value) return std::nullopt;
  const Result<Money> money = parse_amount(*value, currency);
  if (!money) {
    complain(key, money.error().message);
    return std::nullopt;
  }
  return *money;
}

std::vector<std::string> YamlMap::list(std::string_view key) {
  const std::optional<YAML::Node> found = node(key);
  if (!found) return {};
  std::vector<std::string> out;
  if (found->IsScalar()) {
    if (auto value = expand(key, found->Scalar())) out.push_back(std::move(*value));
    return out;
  }
  if (!found->IsSequence()) {
    complain(key, "must be a list");
    return {};
  }
  for (const YAML::Node& item : *found) {
    if (!item.IsScalar()) {
      complain(key, "every entry of the list must be a single value");
    } else if (auto value = expand(key, item.Scalar())) {
      out.push_back(std::move(*value));
    }
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> YamlMap::strings(std::string_view key) {
  std::vector<std::pair<std::string, std::string>> out;
  std::optional<YamlMap> inner = map(key);
  if (!inner) return out;
  for (const auto& [name, value] : inner->entries()) {
    if (auto text = inner->secret(name)) out.emplace_back(name, std::move(*text));
  }
  return out;
}

std::optional<YamlMap> YamlMap::map(std::string_view key) {
  const std::optional<YAML::Node> found = node(key);
  if (!found) return std::nullopt;
  return YamlMap(*found, at(key), findings_, sources_);
}

std::vector<YamlMap> YamlMap::maps(std::string_view key) {
  std::vector<YamlMap> out;
  const std::optional<YAML::Node> found = node(key);
  if (!found) return out;
  if (!found->IsSequence()) {
    complain(key, "must be a list of mappings");
    return out;
  }
  for (size_t i = 0; i < found->size(); ++i) {
    out.emplace_back((*found)[i], fmt::format("{}[{}]", at(key), i), findings_, sources_);
  }
  return out;
}

std::vector<std::pair<std::string, YAML::Node>> YamlMap::entries() {
  std::vector<std::pair<std::string, YAML::Node>> out;
  if (!node_.IsMap()) return out;
  for (const auto& pair : node_) {
    if (!pair.first.IsScalar()) continue;
    asked_.insert(pair.first.Scalar());
    out.emplace_back(pair.first.Scalar(), pair.second);
  }
  return out;
}

YamlMap YamlMap::child(const std::string& key, const YAML::Node& value) const {
  return {value, at(key), findings_, sources_};
}

void YamlMap::complain(std::string_view key, std::string_view what) {
  const std::optional<YAML::Node> found = find(key);
  findings_.error(found ? found->Mark() : node_.Mark(), at(key), what);
}

void YamlMap::complain_of_choice(std::string_view key, std::string_view given,
                                 const std::vector<std::string_view>& known) {
  std::string words;
  for (size_t i = 0; i < known.size(); ++i) {
    if (i > 0) words += i + 1 < known.size() ? ", " : " or ";
    words += known[i];
  }
  complain(key, fmt::format("'{}' must be {}", given, words));
}

void YamlMap::warn(std::string_view key, std::string_view what) {
  const std::optional<YAML::Node> found = find(key);
  findings_.warning(found ? found->Mark() : node_.Mark(), at(key), what);
}

void YamlMap::finish() {
  if (!node_.IsMap()) return;
  for (const auto& pair : node_) {
    if (!pair.first.IsScalar() || asked_.contains(pair.first.Scalar())) continue;
    const std::string& key = pair.first.Scalar();
    std::string_view nearest;
    for (const std::string& known : asked_) {
      const size_t d = distance(key, known);
      if (d <= 2 && (nearest.empty() || d < distance(key, nearest))) nearest = known;
    }
    std::string hint = nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest);
    if (nearest.empty() && !asked_.empty()) {
      hint = fmt::format("; known here: {}", fmt::join(asked_, ", "));
    }
    findings_.error(pair.first.Mark(), at(key), "unknown key" + hint);
  }
}

}  // namespace satgate::app
