#include "dialect/body.h"

#include <algorithm>

#include "base/text.h"
#include "dialect/stored_id.h"

namespace satgate::dialect {
namespace {

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

// Some servers fold the case of names, one of them beyond ASCII, so no other spelling may reach
// them.
std::expected<std::optional<size_t>, BadRequest> find_member(
    std::string_view key, std::span<const std::string_view> names) {
  if (!is_ascii(key)) return std::unexpected(kSpelling);
  for (size_t i = 0; i < names.size(); ++i) {
    if (key == names[i]) return i;
    if (equals_ignore_case(key, names[i])) return std::unexpected(kSpelling);
  }
  return std::nullopt;
}

std::expected<void, BadRequest> read_model(simdjson::dom::element value, LlmRequest& request) {
  if (value.get_string().get(request.model)) return std::unexpected(kNoModel);
  return {};
}

std::expected<void, BadRequest> read_flag(simdjson::dom::element value, BadRequest bad,
                                          bool& flag) {
  if (!value.is_null() && value.get_bool().get(flag)) return std::unexpected(bad);
  return {};
}

std::expected<void, BadRequest> read_bound(simdjson::dom::element value, BadRequest bad,
                                           std::optional<uint64_t>& bound) {
  if (value.is_null()) return {};
  uint64_t number = 0;
  if (value.get_uint64().get(number) || number == 0) return std::unexpected(bad);
  bound = number;
  return {};
}

bool among(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

std::string_view id_of_answer(simdjson::dom::element answer) {
  std::string_view id;
  if (answer.at_key("id").get_string().get(id) || !is_stored_id(id)) return {};
  return id;
}

bool find_value(JsonText& json, std::string_view name, std::string_view& token) {
  simdjson::ondemand::document document;
  simdjson::ondemand::object root;
  if (json.walk().get(document) || document.get_object().get(root)) return false;
  for (auto field : root) {
    std::string_view key;
    if (field.unescaped_key().get(key)) return false;
    if (key != name) continue;
    simdjson::ondemand::value value;
    if (field.value().get(value)) return false;
    token = trim_token(value.raw_json_token());
  }
  return true;
}

void Patches::add(size_t at, size_t erase, std::string_view text) {
  size_t i = count_++;
  for (; i > 0 && list_[i - 1].at > at; --i)
    list_[i] = list_[i - 1];
  list_[i] = {at, erase, text};
}

void Patches::apply(std::string_view body, std::string& out) const {
  out.clear();
  size_t from = 0;
  for (size_t i = 0; i < count_; ++i) {
    out.append(body.substr(from, list_[i].at - from));
    out.append(list_[i].text);
    from = list_[i].at + list_[i].erase;
  }
  out.append(body.substr(from));
}

std::string lowered_bound(std::string_view token, uint64_t most) {
  const auto asked = parse_uint(token);
  return std::to_string(asked ? std::min(*asked, most) : most);
}

}  // namespace satgate::dialect
