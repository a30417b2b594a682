#include "store/rollup.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "contract/share.h"

namespace satgate::store {
namespace {

constexpr std::array<std::string_view, kDimensions> kNames = {
    "kind", "subject", "holder",  "upstream",    "tool",     "endpoint", "model", "decision",
    "code", "team",    "project", "environment", "workflow", "budget",   "route"};

// Under these names they stand in the event's JSON; holders are a list of their own.
constexpr std::array<std::string_view, kDimensions> kMembers = [] {
  std::array<std::string_view, kDimensions> members = kNames;
  members[static_cast<size_t>(Dimension::kind)] = "event";
  members[static_cast<size_t>(Dimension::holder)] = "";
  return members;
}();

// Below every bound at which the event's JSON cuts a text (audit/event_json.cc).
constexpr size_t kPlainBytesMax = 90;

constexpr size_t kTextBytesMax = 1024;

// Whether the text stands in the JSON as it is.
bool is_plain(std::string_view text) {
  return text.size() <= kPlainBytesMax && plain_length(text) == text.size();
}

std::string_view label(const AuditEvent& event, std::string_view name) {
  for (const Label& one : event.labels) {
    if (one.name == name) return one.value;
  }
  return {};
}

// Nothing when a text would be changed on its way into the JSON.
std::optional<RollupKey> key_of(const AuditEvent& event) {
  RollupKey key;
  key.second = event.time.unix_seconds();
  key.at(Dimension::kind) = to_string(event.kind);
  key.at(Dimension::subject) = event.subject;
  if (!event.holders.empty()) key.at(Dimension::holder) = event.holders.back();
  if (event.call) {
    key.at(Dimension::upstream) = event.call->upstream;
    key.at(Dimension::tool) = event.call->tool;
    key.at(Dimension::endpoint) = event.call->endpoint;
    key.at(Dimension::model) = event.call->model;
    key.at(Dimension::route) = event.call->route;
  }
  if (event.decision) key.at(Dimension::decision) = to_string(*event.decision);
  if (event.refusal) key.at(Dimension::code) = code(*event.refusal);
  if (event.cache_hit) key.at(Dimension::code) = "cache_hit";
  for (const Dimension d :
       {Dimension::team, Dimension::project, Dimension::environment, Dimension::workflow}) {
    key.at(d) = label(event, to_string(d));
  }
  key.at(Dimension::budget) = event.budget;
  if (!std::ranges::all_of(key.text, is_plain)) return std::nullopt;
  return key;
}

struct Parser {
  simdjson::dom::parser parser;
  simdjson::ondemand::parser exact;  // numbers as they are written
  std::string buffer;                // the event and simdjson's padding
};

Parser& parser() {
  thread_local Parser mine;
  return mine;
}

// At most `kTextBytesMax` bytes, and no half character.
std::string_view bounded(std::string_view text) {
  if (text.size() <= kTextBytesMax) return text;
  size_t size = kTextBytesMax;
  while (size > 0 && (static_cast<uint8_t>(text[size]) & 0xc0) == 0x80)
    --size;
  return text.substr(0, size);
}

std::optional<RollupKey> key_of(std::string_view json) {
  Parser& p = parser();
  p.buffer.assign(json);
  p.buffer.resize(json.size() + simdjson::SIMDJSON_PADDING);
  simdjson::dom::object event;
  if (p.parser.parse(p.buffer.data(), json.size(), false).get_object().get(event) !=
      simdjson::SUCCESS) {
    return std::nullopt;
  }
  // One walk over the members: looking each of ours up would be a walk for each.
  RollupKey key;
  std::optional<Time> time;
  for (const auto [name, value] : event) {
    std::string_view text;
    if (name == "holders") {
      simdjson::dom::array holders;
      if (value.get_array().get(holders) != simdjson::SUCCESS) continue;
      for (const simdjson::dom::element holder : holders) {
        if (holder.get_string().get(text) == simdjson::SUCCESS) {
          key.at(Dimension::holder) = bounded(text);
        }
      }
    } else if (value.get_string().get(text) != simdjson::SUCCESS) {
      continue;
    } else if (name == "time") {
      time = parse_time(text);
    } else if (const auto d = std::ranges::find(kMembers, name); d != kMembers.end()) {
      key.text[static_cast<size_t>(d - kMembers.begin())] = bounded(text);
    }
  }
  if (!time) return std::nullopt;
  key.second = time->unix_seconds();
  return key;
}

// The member `shares`, digit by digit: no amount goes through floating point.
Result<void> add_shares(std::string_view json, RollupTotals& totals) {
  if (!json.contains("\"shares\":{")) return {};
  Parser& p = parser();
  p.buffer.assign(json);
  p.buffer.resize(json.size() + simdjson::SIMDJSON_PADDING);
  const simdjson::padded_string_view text(p.buffer.data(), json.size(), p.buffer.size());
  simdjson::ondemand::document event;
  simdjson::ondemand::object shares;
  if (p.exact.iterate(text).get(event) != simdjson::SUCCESS) return fail("an event is not JSON");
  if (event.find_field_unordered("shares").get_object().get(shares) != simdjson::SUCCESS) return {};
  for (auto member : shares) {
    std::string_view partner;
    if (member.unescaped_key().get(partner) != simdjson::SUCCESS)
      return fail("a share has no name");
    const std::string name(partner);
    simdjson::ondemand::value value;
    if (member.value().get(value) != simdjson::SUCCESS) return fail("a share has no amount");
    std::string_view digits = value.raw_json_token();
    digits = digits.substr(0, digits.find_last_not_of(' ') + 1);
    TRY_ASSIGN(const Money amount, parse_amount(digits));
    totals.shares[name].add(amount);
  }
  return {};
}

}  // namespace

std::string_view to_string(Dimension dimension) {
  return kNames[static_cast<size_t>(dimension)];
}

void Rollups::add(const AuditEvent& event, std::string_view json, std::optional<Money> cost) {
  if (const auto key = key_of(event)) {
    RollupTotals& totals = add(*key, cost);
    if (cost.value_or(Money()) <= Money()) return;
    for (const Share& share : event.shares)
      totals.shares[share.partner].add(share_of(*cost, share));
    return;
  }
  // Our own JSON can be read; were it not so, the restart that reads it says where.
  static_cast<void>(add(json, cost));
}

Result<void> Rollups::add(std::string_view json, std::optional<Money> cost) {
  const auto key = key_of(json);
  if (!key) return fail("an event is not the JSON it should be");
  RollupTotals& totals = add(*key, cost);
  return add_shares(json, totals);
}

// The second, then each text behind its length.
RollupTotals& Rollups::add(const RollupKey& key, std::optional<Money> cost) {
  encoded_.assign(reinterpret_cast<const char*>(&key.second), sizeof key.second);
  for (const std::string_view text : key.text) {
    const auto size = static_cast<uint16_t>(text.size());
    encoded_.append(reinterpret_cast<const char*>(&size), sizeof size);
    encoded_ += text;
  }
  auto found = totals_.find(std::string_view(encoded_));
  if (found == totals_.end()) found = totals_.emplace(encoded_, RollupTotals()).first;
  ++found->second.events;
  found->second.spent += cost.value_or(Money());
  return found->second;
}

RollupKey Rollups::decode(std::string_view encoded) {
  RollupKey key;
  std::memcpy(&key.second, encoded.data(), sizeof key.second);
  encoded.remove_prefix(sizeof key.second);
  for (std::string_view& text : key.text) {
    uint16_t size = 0;
    std::memcpy(&size, encoded.data(), sizeof size);
    text = encoded.substr(sizeof size, size);
    encoded.remove_prefix(sizeof size + size);
  }
  return key;
}

}  // namespace satgate::store
