#include "console/token_api.h"

#include <fmt/format.h>

#include "base/crypto.h"
#include "console/narrowing.h"
#include "token/macaroon.h"

namespace satgate::console {
TokenApi::TokenApi(flow::Gateway& gateway, SaveKeyring save_keyring)
    : gateway_(gateway),
      save_keyring_(std::move(save_keyring)),
      currency_(gateway.settings()->currency),
      carved_(gateway.bank) {}

TokenApi::Found TokenApi::look_up(std::string_view id_or_name) const {
  store::Directory& directory = gateway_.bank.directory();
  TRY_ASSIGN(auto named, available(directory.token_by_name(id_or_name)));
  if (named) return named;
  if (const auto id = parse_id<TokenId>(id_or_name)) return available(directory.token(*id));
  return nullptr;
}

TokenApi::Found TokenApi::find(std::string_view id_or_name) const {
  Found record = look_up(id_or_name);
  if (record && *record == nullptr) {
    return not_found(fmt::format("there is no token '{}'", id_or_name));
  }
  return record;
}

std::expected<void, ApiError> TokenApi::note(EventKind kind, const TokenRecord& record,
                                             std::string_view detail) {
  AuditEvent event;
  event.time = gateway_.clock.now();
  event.kind = kind;
  event.subject = record.name;
  event.token = record.id;
  event.budget = record.budget;
  for (const auto& [name, value] : record.labels)
    event.labels.push_back({name, value});
  event.detail = detail;
  if (auto written = gateway_.bank.record(event); !written) {
    return unavailable(written.error().reason);
  }
  return {};
}

Json TokenApi::describe(const TokenRecord& record, bool with_lineage) const {
  const Time now = gateway_.clock.now();
  const AccountId account = record.carved_account.value_or(token_account(record.id));
  const ledger::Balance balance = gateway_.bank.balance(account, now);
  const SpendLimits limits = effective_limits(record, now);
  Json out = {{"id", to_string(record.id)},
              {"name", record.name},
              {"created", format_rfc3339(record.created)},
              {"revoked", record.revoked},
              {"blocked", balance.blocked},
              {"limits", limits_json(limits)},
              {"spent", money_json(balance.spent)},
              {"held", money_json(balance.held)},
              {"carved", money_json(balance.carved)}};
  Json windows = Json::object();
  for (const Window w : {Window::hour, Window::day, Window::month}) {
    windows[std::string(to_string(w))] = money_json(balance.window_spent[static_cast<size_t>(w)]);
  }
  out["spent_in"] = windows;
  if (record.expires) out["expires"] = format_rfc3339(*record.expires);
  if (record.override_limits && now < record.override_limits->until) {
    out["override"] = change_json(record.override_limits->change);
    out["override"]["until"] = format_rfc3339(record.override_limits->until);
  }
  if (!record.budget.empty()) out["budget"] = record.budget;
  if (record.alert_threshold) out["alert_threshold"] = money_json(*record.alert_threshold);
  if (record.parent) out["parent"] = to_string(*record.parent);
  Json labels = Json::object();
  for (const auto& [name, value] : record.labels)
    labels[name] = value;
  out["labels"] = labels;
  out["caveats"] = record.caveats;
  if (with_lineage) out["lineage"] = describe_lineage(record);
  return out;
}

Reply TokenApi::list() {
  Json out = Json::array();
  const auto read = gateway_.bank.directory().each_token(
      [&](const TokenRecord& record) { out.push_back(describe(record, false)); });
  if (!read) return unavailable(read.error().message);
  return out;
}

Reply TokenApi::show(std::string_view id_or_name) {
  TRY_ASSIGN(const auto record, find(id_or_name));
  return describe(*record, true);
}

Reply TokenApi::update(std::string_view id_or_name, const Json& body) {
  TRY_ASSIGN(const auto found, find(id_or_name));
  if (found->carved_account) {
    return bad_request("a carved token's budget is fixed: revoke it and mint another");
  }
  Fields fields(body, currency());
  const LimitChange change = fields.limit_change();
  const std::optional<std::string> expires = fields.text("expires");
  const std::vector<std::pair<std::string, std::string>> labels = fields.strings("labels");
  const std::optional<Money> threshold = fields.amount("alert_threshold");
  TRY(fields.finish());
  if (!change.any() && labels.empty() && !threshold) {
    return bad_request("nothing to change: give a limit, a label or an alert threshold");
  }
  TokenRecord record = *found;
  // Who asks for the token again does so in the words in which it was minted.
  if (!record.minted) record.minted = {record.limits, record.labels, record.alert_threshold};
  std::string detail = "limits changed: " + change_json(change).dump();
  if (expires) {
    auto until = parse_expiry(*expires, gateway_.clock.now());
    if (!until) return bad_request(until.error().message);
    record.override_limits = LimitOverride{change, *until};
    detail = fmt::format("limits overridden until {}: {}", format_rfc3339(*until),
                         change_json(change).dump());
  } else {
    record.limits = change.applied_to(record.limits);
  }
  for (const auto& [name, value] : labels) {
    std::erase_if(record.labels, [&](const auto& label) { return label.first == name; });
    record.labels.emplace_back(name, value);
  }
  if (threshold) record.alert_threshold = *threshold;
  TRY(note(EventKind::update, record, detail));
  if (auto stored = gateway_.bank.directory().update_token(record); !stored) {
    return unavailable(stored.error().message);
  }
  return describe(record, false);
}

Reply TokenApi::revoke_record(TokenRecord record) {
  record.revoked = true;
  record.revoked_at = gateway_.clock.now();
  TRY(note(EventKind::revoke, record, "revoked"));
  store::Directory& directory = gateway_.bank.directory();
  if (record.carved_account) {
    if (auto done = directory.revoke_point(AccountId{record.id.bytes}); !done) {
      return unavailable(done.error().message);
    }
  }
  if (auto stored = directory.update_token(record); !stored) {
    return unavailable(stored.error().message);
  }
  return_ended_carves();
  return Json{{"revoked", record.name}, {"id", to_string(record.id)}};
}

Reply TokenApi::revoke_point(const AccountId& point) {
  TokenRecord about;
  about.name = "admin";
  TRY(note(EventKind::revoke, about, fmt::format("revoked the point {}", to_string(point))));
  if (auto done = gateway_.bank.directory().revoke_point(point); !done) {
    return unavailable(done.error().message);
  }
  return_ended_carves();
  return Json{{"revoked", to_string(point)}, {"point", to_string(point)}};
}

Reply TokenApi::revoke_point_of(std::string_view token_text) {
  token::Verifier verifier(gateway_.keyring(), currency());
  std::string why;
  auto verified = verifier.verify(token_text, &why);
  if (!verified) return bad_request(fmt::format("this token does not verify: {}", why));
  store::Directory& directory = gateway_.bank.directory();
  TRY_ASSIGN(const auto root, available(directory.token(verified->token())));
  if (!root) return not_found("this token was not minted by this gateway");
  const TokenChain& chain = verified->chain();
  if (chain.caveats.size() == root->caveats.size()) return revoke_record(*root);
  const AccountId point = chain.points.back();
  TRY_ASSIGN(const auto child, available(directory.token(TokenId{point.bytes})));
  if (child) return revoke_record(*child);
  TRY(note(EventKind::revoke, *root, fmt::format("revoked the point {}", to_string(point))));
  if (auto done = directory.revoke_point(point); !done) return unavailable(done.error().message);
  return_ended_carves();
  return Json{{"revoked", chain.leaf_label.empty() ? root->name : chain.leaf_label},
              {"point", to_string(point)}};
}

Reply TokenApi::revoke(std::string_view which) {
  TRY_ASSIGN(const auto record, look_up(which));
  if (record) return revoke_record(*record);
  // 32 hex digits are a point; they would also read as base64.
  if (const auto point = parse_id<AccountId>(which)) return revoke_point(*point);
  if (token::macaroon_from_text(which)) return revoke_point_of(which);
  return not_found(fmt::format("there is no token '{}'", which));
}

Reply TokenApi::unblock(std::string_view id_or_name) {
  TRY_ASSIGN(const auto record, find(id_or_name));
  TRY(note(EventKind::unblock, *record, "overrun cleared by a person"));
  const AccountId account = record->carved_account.value_or(token_account(record->id));
  return Json{{"name", record->name}, {"was_blocked", gateway_.bank.unblock(account)}};
}

Reply TokenApi::keys() {
  Json out = Json::array();
  const auto keyring = gateway_.keyring();
  for (const token::Key& key : keyring->keys()) {
    out.push_back({{"id", key.id},
                   {"created", format_rfc3339(key.created)},
                   {"active", key.id == keyring->active().id}});
  }
  return out;
}

Reply TokenApi::rotate_key() {
  auto next = std::make_shared<token::Keyring>(*gateway_.keyring());
  Hash256 secret;
  fill_random(secret.data(), secret.size());
  if (auto done = next->rotate(secret, gateway_.clock.now()); !done) {
    return conflict(done.error().message);
  }
  TokenRecord about;
  about.name = "admin";
  TRY(note(EventKind::update, about, fmt::format("new active key {}", next->active().id)));
  if (auto saved = save_keyring_(*next); !saved) return unavailable(saved.error().message);
  gateway_.set_keyring(next);
  return keys();
}

Reply TokenApi::retire_key(std::string_view id) {
  auto next = std::make_shared<token::Keyring>(*gateway_.keyring());
  if (auto done = next->retire(id); !done) return bad_request(done.error().message);
  TokenRecord about;
  about.name = "admin";
  TRY(note(EventKind::update, about, fmt::format("retired key {}", id)));
  if (auto saved = save_keyring_(*next); !saved) return unavailable(saved.error().message);
  gateway_.set_keyring(next);
  return keys();
}

}  // namespace satgate::console
