// The models that a provider lists (GET /v1/models, of OpenAI and of Anthropic), narrowed to those
// that a caller may use, each with its price.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace satgate::dialect {

// A model's price as a JSON object, or an empty text when none is known. Nothing: it is not to be
// seen.
using PriceModel = std::function<std::optional<std::string>(std::string_view id)>;

// The list with the models of `data` that are to be seen; each gets a member "io.satgate/price".
// What pages of Anthropic's lists begin and end with is adapted. A single model is treated alike;
// an empty text when it is not to be seen. Nothing: the answer is neither.
std::optional<std::string> narrow_models(std::string_view answer, const PriceModel& price);

}  // namespace satgate::dialect
