// The walk over the arguments of a call with the rules that hold for them.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tariff/argument_rules.h"
#include "tariff/json_cursor.h"

namespace satgate::tariff {
namespace {

using Value = ArgumentRule::Value;

constexpr size_t kDepthMax = 128;  // as deep as a message may be
constexpr size_t kShownMax = 64;   // of a name that came from outside

// A rule on its way down: `rest` is what its name still says. Empty: it is about this value.
struct Step {
  const ArgumentRule* rule;
  std::string_view rest;
};
using Steps = std::vector<Step>;

// Names that some parsers take for one: Go's encoding/json folds ASCII, the long s and the Kelvin
// sign.
std::string folded(std::string_view name) {
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    const std::string_view rest = name.substr(i);
    char c = name[i];
    if (rest.starts_with("\xc5\xbf")) {
      c = 's';
      i += 1;
    } else if (rest.starts_with("\xe2\x84\xaa")) {
      c = 'k';
      i += 2;
    } else if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c | 0x20);
    }
    out += c;
  }
  return out;
}

// What is left of `rest` behind `key`; nothing: it leads elsewhere.
std::optional<std::string_view> behind(std::string_view rest, std::string_view key) {
  if (rest == key) return std::string_view();
  if (key.empty() || !rest.starts_with(key) || rest[key.size()] != '.') return std::nullopt;
  return rest.substr(key.size() + 1);
}

class Walk {
 public:
  Walk(std::string_view text, std::vector<GivenArgument>* given) : json_(text), given_(given) {}

  std::optional<std::string> run(Steps steps) {
    if (json_.peek() != '{' || (value(steps, 1) && json_.peek() != '\0')) unreadable();
    return std::move(breach_);
  }

 private:
  // Each of these is false once there is a breach.
  bool value(const Steps& steps, size_t depth);
  bool object(const Steps& steps, size_t depth);
  bool member(const Steps& steps, std::vector<bool>& met, std::string_view key, size_t depth);
  bool array(const Steps& steps, size_t depth);
  bool scalar(const Steps& steps);
  bool are_single(std::vector<std::string>& keys);

  bool say(std::string what) {
    if (!breach_) breach_ = std::move(what);
    return false;
  }
  bool unreadable() { return say("the arguments can not be read as one JSON object"); }
  bool breaks(const ArgumentRule& rule) {
    return say(fmt::format("argument `{}` {}", rule.name(), rule.demand()));
  }
  // There is nothing where the rule leads.
  bool misses(const ArgumentRule& rule) {
    if (!rule.is_needed()) return true;
    return say(fmt::format("argument `{}` is missing; it {}", rule.name(), rule.demand()));
  }
  bool give(const ArgumentRule& rule, const Value& value);
  bool misses(const Steps& steps) {
    return std::ranges::all_of(steps, [this](const Step& step) { return misses(*step.rule); });
  }

  JsonCursor json_;
  std::vector<GivenArgument>* const given_;
  std::vector<const ArgumentRule*> met_;  // of single ones: those that have a value, or null
  std::optional<std::string> breach_;
};

bool Walk::value(const Steps& steps, size_t depth) {
  if (depth > kDepthMax) return unreadable();
  for (const Step& step : steps)
    if (step.rest.empty() && step.rule->forbids()) return breaks(*step.rule);
  const char c = json_.peek();
  if (c == '[') return array(steps, depth);
  if (c != '{') return scalar(steps);
  for (const Step& step : steps)
    if (step.rest.empty()) return breaks(*step.rule);
  return object(steps, depth);
}

bool Walk::object(const Steps& steps, size_t depth) {
  std::vector<bool> met(steps.size());
  std::vector<std::string> keys;
  if (!json_.take('{')) return unreadable();
  while (json_.peek() != '}') {
    if (!keys.empty() && !json_.take(',')) return unreadable();
    auto key = json_.string();
    if (!key || !json_.take(':')) return unreadable();
    if (!member(steps, met, *key, depth)) return false;
    keys.push_back(std::move(*key));
  }
  json_.take('}');
  if (!are_single(keys)) return false;
  for (size_t i = 0; i < steps.size(); ++i)
    if (!met[i] && !misses(*steps[i].rule)) return false;
  return true;
}

bool Walk::member(const Steps& steps, std::vector<bool>& met, std::string_view key, size_t depth) {
  Steps below;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    if (const auto rest = behind(step.rest, key)) {
      met[i] = true;
      below.push_back({step.rule, *rest});
    } else if (behind(folded(step.rest), folded(key))) {
      return say(fmt::format("argument `{}` must be written in these letters, not `{}`",
                             step.rule->name(), key.substr(0, kShownMax)));
    }
  }
  return value(below, depth + 1);
}

bool Walk::are_single(std::vector<std::string>& keys) {
  std::ranges::sort(keys);
  const auto twice = std::ranges::adjacent_find(keys);
  if (twice == keys.end()) return true;
  return say(fmt::format("argument `{}` must not be given twice",
                         std::string_view(*twice).substr(0, kShownMax)));
}

// `{"a.b":1,"a":{"b":2}}` has two values for `a.b`, which only one may have.
bool Walk::give(const ArgumentRule& rule, const Value& value) {
  if (rule.is_single() && std::ranges::find(met_, &rule) != met_.end()) {
    return say(fmt::format("argument `{}` must not be given twice", rule.name()));
  }
  if (rule.is_single()) met_.push_back(&rule);
  if (value.kind == Value::Kind::nothing) return misses(rule);
  if (!rule.allows(value)) return breaks(rule);
  if (given_ != nullptr) given_->push_back({&rule, value});
  return true;
}

bool Walk::array(const Steps& steps, size_t depth) {
  for (const Step& step : steps)
    if (step.rule->is_single()) return breaks(*step.rule);
  json_.take('[');
  if (json_.take(']')) return misses(steps);
  while (true) {
    if (!value(steps, depth + 1)) return false;
    if (json_.take(']')) return true;
    if (!json_.take(',')) return unreadable();
  }
}

bool Walk::scalar(const Steps& steps) {
  Value value;
  if (json_.peek() == '"') {
    auto text = json_.string();
    if (!text) return unreadable();
    value = {Value::Kind::string, std::move(*text)};
  } else {
    value.text = json_.scalar();
    const bool is_word = value.text == "true" || value.text == "false";
    if (is_word) {
      value.kind = Value::Kind::word;
    } else if (value.text != "null") {
      if (!Decimal::parse(value.text)) return unreadable();
      value.kind = Value::Kind::number;
    }
  }
  for (const Step& step : steps) {
    const bool holds = step.rest.empty() ? give(*step.rule, value) : misses(*step.rule);
    if (!holds) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> argument_breach(std::span<const ArgumentRule* const> rules,
                                           std::string_view arguments,
                                           std::vector<GivenArgument>* given) {
  Steps steps;
  for (const ArgumentRule* rule : rules)
    steps.push_back({rule, rule->name()});
  return Walk(arguments, given).run(std::move(steps));
}

}  // namespace satgate::tariff
