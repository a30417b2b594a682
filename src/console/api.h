// What every resource of the admin API shares: JSON in and out, errors, strict reading of fields.
#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/money.h"
#include "base/result.h"
#include "contract/records.h"

namespace satgate::console {

using Json = nlohmann::ordered_json;

struct ApiError {
  int status = 400;
  std::string code;     // "bad_request", "not_found", "conflict", or a refusal's code
  std::string message;  // for a person
};

using Reply = std::expected<Json, ApiError>;

std::unexpected<ApiError> bad_request(std::string message);
std::unexpected<ApiError> not_found(std::string message);
std::unexpected<ApiError> conflict(std::string message);
std::unexpected<ApiError> unavailable(std::string message);

// What the store gives; what it could not read, as 503.
template <class T>
std::expected<T, ApiError> available(Result<T> result) {
  if (!result) return unavailable(std::move(result).error().message);
  return *std::move(result);
}

Json money_json(Money amount);                // credits as a number: 4.5
Json limits_json(const SpendLimits& limits);  // {"hourly":..,"daily":..,"monthly":..,"total":..}
Json change_json(const LimitChange& change);  // the same, "none" for a limit that is taken away

// Reads the members of a request object. Ask for each member, then finish(): unknown ones are
// errors, as are wrong types. Amounts may be numbers or strings ("50 credits").
class Fields {
 public:
  Fields(const Json& object, const Currency& currency);

  std::optional<std::string> text(std::string_view name);
  std::optional<Money> amount(std::string_view name);
  std::optional<int64_t> whole(std::string_view name);
  std::optional<bool> boolean(std::string_view name);
  std::vector<std::string> list(std::string_view name);  // a string is a list of one
  std::vector<std::pair<std::string, std::string>> strings(std::string_view name);
  SpendLimits limits();        // hourly_limit, daily_limit, monthly_limit, total_limit
  LimitChange limit_change();  // the same, where "none" takes a limit away

  std::expected<void, ApiError> finish();

 private:
  const Json* find(std::string_view name);
  void complain(std::string_view name, std::string_view what);

  const Json& object_;
  const Currency& currency_;
  std::set<std::string, std::less<>> asked_;
  std::string error_;
};

// `by`: who decides, for the record; "admin" where nobody is named.
std::expected<std::string, ApiError> read_decider(Fields& fields);

}  // namespace satgate::console
