#include "flow/model_routing.h"

#include <algorithm>

#include "base/text.h"

namespace satgate::flow {

void ModelChoice::add(std::string asked, std::string model) {
  const size_t weight = glob_weight(asked);
  const auto after = std::ranges::find_if(
      entries_, [&](const Entry& entry) { return glob_weight(entry.asked) < weight; });
  entries_.insert(after, {std::move(asked), std::move(model)});
}

std::string_view ModelChoice::of(std::string_view asked) const {
  const auto found = std::ranges::find_if(
      entries_, [&](const Entry& entry) { return glob_match(entry.asked, asked); });
  return found == entries_.end() ? std::string_view() : std::string_view(found->model);
}

const std::vector<ModelTarget>* RoutingRule::fallbacks_of(std::string_view asked) const {
  const std::vector<ModelTarget>* best = nullptr;
  size_t best_weight = 0;
  for (const auto& [pattern, targets] : fallbacks) {
    if (!glob_match(pattern, asked)) continue;
    const size_t weight = glob_weight(pattern);
    if (best != nullptr && weight <= best_weight) continue;
    best = &targets;
    best_weight = weight;
  }
  return best;
}

}  // namespace satgate::flow
