#include "console/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace satgate::console {

std::unexpected<ApiError> bad_request(std::string message) {
  return std::unexpected(ApiError{400, "bad_request", std::move(message)});
}

std::unexpected<ApiError> not_found(std::string message) {
  return std::unexpected(ApiError{404, "not_found", std::move(message)});
}

std::unexpected<ApiError> conflict(std::string message) {
  return std::unexpected(ApiError{409, "conflict", std::move(message)});
}

std::unexpected<ApiError> unavailable(std::string message) {
  return std::unexpected(ApiError{503, "ledger_unavailable", std::move(message)});
}

Json money_json(Money amount) {
  if (amount.nano() % kNanoPerCredit == 0) return amount.nano() / kNanoPerCredit;
  // The shortest decimal that reads back as this double is the amount as people write it.
  const std::string text = format_credits(amount);
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

namespace {

constexpr std::array<std::pair<Window, const char*>, 4> kLimitNames = {
    {{Window::hour, "hourly"},
     {Window::day, "daily"},
     {Window::month, "monthly"},
     {Window::lifetime, "total"}}};
constexpr std::string_view kNoLimit = "none";

}  // namespace

Json limits_json(const SpendLimits& limits) {
  return change_json({limits, {}});
}

Json change_json(const LimitChange& change) {
  Json out = Json::object();
  for (const auto& [window, name] : kLimitNames) {
    if (change.lifted[static_cast<size_t>(window)]) out[name] = kNoLimit;
    if (change.limits.limits(window)) out[name] = money_json(change.limits[window]);
  }
  return out;
}

Fields::Fields(const Json& object, const Currency& currency)
    : object_(object), currency_(currency) {
  if (!object_.is_object()) error_ = "the body must be a JSON object";
}

const Json* Fields::find(std::string_view name) {
  asked_.emplace(name);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(std::string(name));
  if (found == object_.end() || found->is_null()) return nullptr;
  return &*found;
}

void Fields::complain(std::string_view name, std::string_view what) {
  if (error_.empty()) error_ = fmt::format("'{}' {}", name, what);
}

std::optional<std::string> Fields::text(std::string_view name) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    complain(name, "must be a string");
    return std::nullopt;
  }
  return value->get<std::string>();
}

std::optional<Money> Fields::amount(std::string_view name) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string() && !value->is_number()) {
    complain(name, "must be an amount, like 25, 0.05 or \"50 credits\"");
    return std::nullopt;
  }
  const std::string text = value->is_string() ? value->get<std::string>() : value->dump();
  const Result<Money> money = parse_amount(text, currency_);
  if (!money) {
    complain(name, money.error().message);
    return std::nullopt;
  }
  return *money;
}

std::optional<int64_t> Fields::whole(std::string_view name) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer() || value->is_number_unsigned() == false) {
    complain(name, "must be a whole number");
    return std::nullopt;
  }
  return value->get<int64_t>();
}

std::optional<bool> Fields::boolean(std::string_view name) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) {
    complain(name, "must be true or false");
    return std::nullopt;
  }
  return value->get<bool>();
}

std::vector<std::string> Fields::list(std::string_view name) {
  const Json* value = find(name);
  if (value == nullptr) return {};
  if (value->is_string()) return {value->get<std::string>()};
  std::vector<std::string> out;
  if (!value->is_array()) {
    complain(name, "must be a list of strings");
    return out;
  }
  for (const Json& item : *value) {
    if (!item.is_string()) {
      complain(name, "must be a list of strings");
      return {};
    }
    out.push_back(item.get<std::string>());
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> Fields::strings(std::string_view name) {
  const Json* value = find(name);
  std::vector<std::pair<std::string, std::string>> out;
  if (value == nullptr) return out;
  if (!value->is_object()) {
    complain(name, "must be an object of strings");
    return out;
  }
  for (const auto& [key, item] : value->items()) {
    if (!item.is_string()) {
      complain(name, "must be an object of strings");
      return {};
    }
    out.emplace_back(key, item.get<std::string>());
  }
  return out;
}

SpendLimits Fields::limits() {
  SpendLimits limits;
  for (const auto& [window, name] : kLimitNames) {
    if (const auto given = amount(fmt::format("{}_limit", name))) limits[window] = *given;
  }
  return limits;
}

LimitChange Fields::limit_change() {
  LimitChange change;
  for (const auto& [window, name] : kLimitNames) {
    const std::string member = fmt::format("{}_limit", name);
    const Json* value = find(member);
    if (value != nullptr && *value == kNoLimit) {
      change.lifted[static_cast<size_t>(window)] = true;
    } else if (const auto given = amount(member)) {
      change.limits[window] = *given;
    }
  }
  return change;
}

std::expected<void, ApiError> Fields::finish() {
  if (!error_.empty()) return bad_request(error_);
  for (const auto& [key, value] : object_.items()) {
    if (!asked_.contains(key)) return bad_request(fmt::format("'{}' is not known here", key));
  }
  return {};
}

std::expected<std::string, ApiError> read_decider(Fields& fields) {
  constexpr size_t size_max = 100;
  std::string by = fields.text("by").value_or("admin");
  if (by.empty() || by.size() > size_max || !std::ranges::all_of(by, is_plain)) {
    return bad_request(fmt::format("'by' must have 1 to {} plain characters", size_max));
  }
  return by;
}

}  // namespace satgate::console
