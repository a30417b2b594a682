// What the config says about the arguments of a tool (docs/reference/config.md, "Arguments"). A
// server will read the arguments with a parser that nobody here knows: what two parsers could read
// differently (a name twice, or in another case) holds no rule.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tariff/decimal.h"
#include "tariff/policy.h"
#include "tariff/text_pattern.h"
#include "tariff/url_hosts.h"

namespace satgate::tariff {

// A rule that makes no sense: which of its keys, and why.
struct ArgumentMistake {
  std::string key;
  std::string what;
};

// The rule of one argument, ready to judge.
class ArgumentRule {
 public:
  static std::expected<ArgumentRule, ArgumentMistake> create(std::string name,
                                                             const ArgumentPolicy& policy);

  struct Value {
    enum class Kind : uint8_t { string, number, word, nothing, object };
    Kind kind = Kind::nothing;  // word: true or false; nothing: null
    std::string text;           // a string's without its escapes
  };
  bool allows(const Value& value) const;

  const std::string& name() const { return name_; }
  bool forbids() const { return absent_; }
  bool is_needed() const { return !absent_ && !optional_; }
  bool is_single() const { return single_; }
  // "must be at most 100"
  const std::string& demand() const { return demand_; }

 private:
  std::optional<ArgumentMistake> add_choices(const ArgumentPolicy& policy);
  std::optional<ArgumentMistake> add_bounds(const ArgumentPolicy& policy);
  std::optional<ArgumentMistake> add_text_rules(const ArgumentPolicy& policy);
  void demand(std::string_view what);
  bool is_chosen(const Value& value) const;

  struct Choice {
    std::string text;
    std::optional<Decimal> number;
  };
  std::string name_;
  std::string demand_;
  std::vector<Choice> choices_;
  std::optional<Decimal> min_, max_;  // both or none
  std::optional<TextPattern> pattern_;
  std::optional<UrlHosts> hosts_;
  bool absent_ = false;
  bool optional_ = false;
  bool whole_ = false;
  bool single_ = false;
};

// What a call gives for an argument that has a rule.
struct GivenArgument {
  const ArgumentRule* rule = nullptr;
  ArgumentRule::Value value;
};

// The first that is not as the rules want it, in a sentence: "argument `amount` must be at most
// 100". Nothing: all hold. `arguments` is a JSON object. `given`: is filled with the values, each
// that is not null.
std::optional<std::string> argument_breach(std::span<const ArgumentRule* const> rules,
                                           std::string_view arguments,
                                           std::vector<GivenArgument>* given = nullptr);

}  // namespace satgate::tariff
