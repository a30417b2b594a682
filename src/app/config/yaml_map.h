// Strict reading of YAML mappings on top of yaml-cpp, which by itself accepts duplicate keys, reads
// 010 as octal and leaves unknown keys to the caller. Scalars are taken as the text that was
// written; every key must be asked for; every mistake of a file is reported, with its line.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/money.h"

namespace satgate::app {

// Mistakes and remarks, in the order they were found: "line 12: upstreams.openai.url: ...".
class Findings {
 public:
  void error(const YAML::Mark& where, std::string_view path, std::string_view what);
  void error(std::string_view path, std::string_view what);
  void warning(const YAML::Mark& where, std::string_view path, std::string_view what);
  const std::vector<std::string>& errors() const { return errors_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  std::vector<std::string> errors_;
  std::vector<std::string> warnings_;
};

// Looks up `${NAME}`; nothing when it is not set.
using Environment = std::function<std::optional<std::string>(std::string_view)>;
// Reads the file of a `file:` value; the error is a sentence.
using FileReader = std::function<Result<std::string>(const std::string&)>;

// Whether a token of this name was minted.
using TokenLookup = std::function<bool(std::string_view)>;

struct Sources {
  Environment environment;
  FileReader read_file;
  std::filesystem::path folder = {};  // of the config file: where its own folders are looked for
  TokenLookup has_token = {};         // null: nobody can say
};

// One mapping. Ask for every key that may be there, then call finish(): what is left over is an
// unknown key. A missing optional value is nothing; a wrong one is reported and also nothing.
class YamlMap {
 public:
  YamlMap(const YAML::Node& node, std::string path, Findings& findings, const Sources& sources);

  bool has(std::string_view key) const { return find(key).has_value(); }
  const std::string& path() const { return path_; }
  YAML::Mark mark() const { return node_.Mark(); }
  const YAML::Node& yaml() const { return node_; }
  const Sources& sources() const { return sources_; }

  std::optional<std::string> text(std::string_view key);        // with ${VAR} replaced
  std::optional<std::string> secret(std::string_view key);      // and `file:PATH` read
  std::optional<std::string> token_name(std::string_view key);  // of one that is there
  std::optional<bool> boolean(std::string_view key);
  std::optional<int64_t> whole(std::string_view key, int64_t min, int64_t max);
  std::optional<int64_t> seconds(std::string_view key);  // "30s", "2m", or whole seconds
  std::optional<Money> amount(std::string_view key, const Currency& currency);
  std::vector<std::string> list(std::string_view key);  // a scalar is a list of one
  std::vector<std::pair<std::string, std::string>> strings(std::string_view key);
  // One of some words, as what it stands for; nothing when it is missing, or none of them.
  template <class T>
  std::optional<T> choice(std::string_view key,
                          std::initializer_list<std::pair<std::string_view, T>> words) {
    const std::optional<std::string> given = text(key);
    if (!given) return std::nullopt;
    std::vector<std::string_view> known;
    for (const auto& [word, value] : words) {
      if (word == *given) return value;
      known.push_back(word);
    }
    complain_of_choice(key, *given, known);
    return std::nullopt;
  }
  std::optional<YamlMap> map(std::string_view key);
  std::vector<YamlMap> maps(std::string_view key);       // a sequence of mappings
  std::optional<YAML::Node> node(std::string_view key);  // asked for, read by the caller

  // Every key with its value, for mappings whose keys are names.
  std::vector<std::pair<std::string, YAML::Node>> entries();
  YamlMap child(const std::string& key, const YAML::Node& value) const;

  void complain(std::string_view key, std::string_view what);  // an error at a key of this mapping
  void warn(std::string_view key, std::string_view what);
  void finish();

 private:
  void complain_of_choice(std::string_view key, std::string_view given,
                          const std::vector<std::string_view>& known);
  std::optional<YAML::Node> find(std::string_view key) const;
  std::optional<std::string> scalar(std::string_view key);
  std::optional<std::string> expand(std::string_view key, const std::string& raw);
  std::string at(std::string_view key) const;

  YAML::Node node_;
  std::string path_;
  Findings& findings_;
  const Sources& sources_;
  std::set<std::string, std::less<>> asked_;
};

}  // namespace satgate::app
