#include "dialect/openai/options.h"

#include "dialect/body.h"

namespace satgate::dialect::openai {

namespace dom = simdjson::dom;

std::expected<void, BadRequest> read_tier(dom::element value, LlmRequest& request) {
  if (value.is_null()) return {};
  std::string_view tier;
  if (value.get_string().get(tier)) {
    return std::unexpected(BadRequest{"service_tier must be a string"});
  }
  if (tier == "default") {
    request.tier = ServiceTier::standard;
  } else if (tier == "flex") {
    request.tier = ServiceTier::flex;
  } else if (tier == "priority") {
    request.tier = ServiceTier::priority;
  } else if (tier != "auto" && request.unbounded.empty()) {
    request.unbounded = "service_tier";
  }
  return {};
}

std::string_view unbounded_modalities(dom::element value) {
  return first_unbounded(value, "modalities", [](dom::element modality) -> std::string_view {
    std::string_view text;
    if (modality.get_string().get(text) || text != "text") return "modalities";
    return {};
  });
}

}  // namespace satgate::dialect::openai
