#include "store/record_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/ids.h"
#include "base/text.h"

namespace satgate::store {
namespace {

using nlohmann::json;

json limits_json(const SpendLimits& limits) {
  json out = json::object();
  for (const Window w : kAllWindows) {
    if (limits.limits(w)) out[std::string(to_string(w))] = limits[w].nano();
  }
  return out;
}

// The readers below throw what nlohmann throws; `read` turns it into a Result.
SpendLimits limits_from(const json& in) {
  SpendLimits limits;
  for (const Window w : kAllWindows) {
    const auto it = in.find(std::string(to_string(w)));
    if (it != in.end()) limits[w] = Money::nano(it->get<int64_t>());
  }
  return limits;
}

json windows_json(const Windows& windows) {
  json out = json::array();
  for (const Window w : kAllWindows) {
    if (windows[static_cast<size_t>(w)]) out.push_back(to_string(w));
  }
  return out;
}

Windows windows_from(const json& in) {
  Windows windows{};
  for (const Window w : kAllWindows)
    windows[static_cast<size_t>(w)] = std::any_of(in.begin(), in.end(), [&](const json& name) {
      return name.get_ref<const std::string&>() == to_string(w);
    });
  return windows;
}

template <class Id>
Id id_from(const json& in) {
  const auto id = parse_id<Id>(in.get<std::string>());
  if (!id) throw std::invalid_argument("an id is not 32 hex digits");
  return *id;
}

std::optional<Time> time_from(const json& in, const char* name) {
  const auto it = in.find(name);
  if (it == in.end()) return std::nullopt;
  return Time{it->get<int64_t>()};
}

json terms_json(const TokenTerms& terms) {
  json out = {{"limits", limits_json(terms.limits)}, {"labels", terms.labels}};
  if (terms.alert_threshold) out["alert_threshold"] = terms.alert_threshold->nano();
  return out;
}

std::optional<Money> money_from(const json& in, const char* name) {
  const auto it = in.find(name);
  if (it == in.end()) return std::nullopt;
  return Money::nano(it->get<int64_t>());
}

TokenTerms terms_from(const json& in) {
  return {limits_from(in.at("limits")),
          in.at("labels").get<std::vector<std::pair<std::string, std::string>>>(),
          money_from(in, "alert_threshold")};
}

json sale_json(const Sale& sale) {
  return {{"payment_hash", to_hex(as_bytes_view(sale.payment_hash))},
          {"amount_msat", sale.amount_msat},
          {"credit", sale.credit.nano()},
          {"calls", sale.calls}};
}

Sale sale_from(const json& in) {
  Sale sale;
  const auto hash = from_hex(in.at("payment_hash").get<std::string>());
  if (!hash || hash->size() != sale.payment_hash.size()) {
    throw std::invalid_argument("a payment hash is not 64 hex digits");
  }
  std::copy(hash->begin(), hash->end(), sale.payment_hash.begin());
  sale.amount_msat = in.at("amount_msat");
  sale.credit = Money::nano(in.at("credit").get<int64_t>());
  sale.calls = in.at("calls");
  return sale;
}

TokenRecord read_token(const json& in) {
  TokenRecord record;
  record.id = id_from<TokenId>(in.at("id"));
  record.name = in.at("name");
  record.key_id = in.at("key_id");
  record.created = Time{in.at("created").get<int64_t>()};
  record.expires = time_from(in, "expires");
  record.limits = limits_from(in.at("limits"));
  if (const auto it = in.find("override"); it != in.end()) {
    record.override_limits = LimitOverride{
        {limits_from(it->at("limits")), windows_from(it->value("lifted", json::array()))},
        Time{it->at("until").get<int64_t>()}};
  }
  record.budget = in.at("budget");
  record.labels = in.at("labels").get<std::vector<std::pair<std::string, std::string>>>();
  record.alert_threshold = money_from(in, "alert_threshold");
  record.caveats = in.at("caveats").get<std::vector<std::string>>();
  if (const auto it = in.find("minted"); it != in.end()) record.minted = terms_from(*it);
  if (const auto it = in.find("parent"); it != in.end()) record.parent = id_from<TokenId>(*it);
  if (const auto it = in.find("carved_account"); it != in.end()) {
    record.carved_account = id_from<AccountId>(*it);
  }
  if (const auto it = in.find("sale"); it != in.end()) record.sale = sale_from(*it);
  record.carved = Money::nano(in.at("carved").get<int64_t>());
  record.revoked = in.at("revoked");
  record.revoked_at = time_from(in, "revoked_at");
  return record;
}

BudgetRecord read_budget(const json& in) {
  BudgetRecord record;
  record.name = in.at("name");
  record.parent = in.at("parent");
  record.limits = limits_from(in.at("limits"));
  record.from_config = in.at("from_config");
  return record;
}

template <class Record>
Result<Record> read(std::string_view text, Record (*reader)(const json&)) {
  try {
    return reader(json::parse(text));
  } catch (const std::exception& error) {
    return fail(fmt::format("database: a stored record can not be read: {}", error.what()));
  }
}

// Names and labels may hold bytes that are not UTF-8; a record must still be stored.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const TokenRecord& record) {
  json out = {{"id", to_string(record.id)},
              {"name", record.name},
              {"key_id", record.key_id},
              {"created", record.created.unix_ns},
              {"limits", limits_json(record.limits)},
              {"budget", record.budget},
              {"labels", record.labels},
              {"caveats", record.caveats},
              {"carved", record.carved.nano()},
              {"revoked", record.revoked}};
  if (record.expires) out["expires"] = record.expires->unix_ns;
  if (record.override_limits) {
    out["override"] = {{"limits", limits_json(record.override_limits->change.limits)},
                       {"until", record.override_limits->until.unix_ns},
                       {"lifted", windows_json(record.override_limits->change.lifted)}};
  }
  if (record.alert_threshold) out["alert_threshold"] = record.alert_threshold->nano();
  if (record.minted) out["minted"] = terms_json(*record.minted);
  if (record.sale) out["sale"] = sale_json(*record.sale);
  if (record.parent) out["parent"] = to_string(*record.parent);
  if (record.carved_account) out["carved_account"] = to_string(*record.carved_account);
  if (record.revoked_at) out["revoked_at"] = record.revoked_at->unix_ns;
  return dump(out);
}

std::string to_json(const BudgetRecord& record) {
  return dump({{"name", record.name},
               {"parent", record.parent},
               {"limits", limits_json(record.limits)},
               {"from_config", record.from_config}});
}

Result<TokenRecord> token_from_json(std::string_view text) {
  return read<TokenRecord>(text, read_token);
}

Result<BudgetRecord> budget_from_json(std::string_view text) {
  return read<BudgetRecord>(text, read_budget);
}

}  // namespace satgate::store
