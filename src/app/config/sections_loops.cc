#include <fmt/format.h>

#include "app/config/sections.h"

namespace satgate::app {
namespace {

// A rule that leaves a key out takes it from `base`.
std::optional<flow::LoopRule> read_rule(YamlMap& parent, flow::LoopRule base) {
  using Action = flow::LoopRule::Action;
  std::optional<YamlMap> map = parent.map("loopGuard");
  if (!map) return std::nullopt;
  if (base.action == Action::off) base.action = Action::refuse;
  if (auto repeats = map->whole("repeats", 1, 1'000'000)) {
    base.repeats = static_cast<uint32_t>(*repeats);
  }
  constexpr int64_t day = 86'400;
  if (auto seconds = map->seconds("window")) {
    base.window = std::chrono::seconds(*seconds);
    if (*seconds > day) map->complain("window", "must be at most a day");
  }
  if (auto action = map->text("action")) {
    if (*action == "refuse") {
      base.action = Action::refuse;
    } else if (*action == "alert") {
      base.action = Action::alert;
    } else if (*action == "off") {
      base.action = Action::off;
    } else {
      map->complain("action", fmt::format("'{}' must be refuse, alert or off", *action));
    }
  }
  map->finish();
  return base;
}

}  // namespace

void read_loop_guard(YamlMap& root, Draft& draft) {
  if (auto rule = read_rule(root, {})) draft.settings.loops.emplace().everywhere = *rule;
}

void read_loop_guard_of(YamlMap& policy, const std::string& token, Draft& draft) {
  std::optional<flow::LoopRules>& loops = draft.settings.loops;
  const auto rule = read_rule(policy, loops ? loops->everywhere : flow::LoopRule{});
  if (!rule) return;
  if (!loops) loops.emplace();
  loops->tokens[token] = *rule;
}

}  // namespace satgate::app
