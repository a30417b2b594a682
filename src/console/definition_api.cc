#include "console/definition_api.h"

#include <fmt/format.h>

#include "flow/shown_text.h"
#include "store/definition_book.h"

namespace satgate::console {
namespace {

using Held = store::DefinitionBook::Held;
using Accepted = store::DefinitionBook::Accepted;

constexpr size_t kShownBytesMax = 16 * 1024;

Json summary(const Held& held) {
  return {{"id", held.id},
          {"server", held.server},
          {"tool", held.tool},
          {"state", held.accepted.empty() ? "new" : "changed"}};
}

// A text of a server, so that a person sees all of it: a description that hides a part of itself is
// what this is for.
Json shown(const Json& value) {
  const std::string text = value.is_string()
                               ? value.get<std::string>()
                               : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return flow::shown_text(text, kShownBytesMax);
}

// One line for each place where they differ: its JSON pointer, and what stood and stands there.
Json changes(const Json& before, const Json& after) {
  Json out = Json::array();
  for (const Json& step : Json::diff(before, after)) {
    const std::string path = step["path"].get<std::string>();
    const Json::json_pointer at(path);
    Json change = {{"path", shown(path)}};
    if (step["op"] != "add") change["before"] = shown(before.contains(at) ? before[at] : Json());
    if (step["op"] != "remove") change["after"] = shown(step["value"]);
    out.push_back(std::move(change));
  }
  return out;
}

std::unexpected<ApiError> unknown(std::string_view id) {
  return not_found(fmt::format(
      "no definition '{}' waits; its server may have changed it again, or it is accepted", id));
}

}  // namespace

Reply DefinitionApi::list() {
  Json out = Json::array();
  for (const Held& held : gateway_.bank.definitions().held())
    out.push_back(summary(held));
  return out;
}

Reply DefinitionApi::show(std::string_view id) {
  const auto held = gateway_.bank.definitions().find(id);
  if (!held) return unknown(id);
  const Json offered = Json::parse(held->offered, nullptr, false);
  const Json accepted =
      held->accepted.empty() ? Json::object() : Json::parse(held->accepted, nullptr, false);
  Json out = summary(*held);
  out["offered"] = held->offered;
  if (!held->accepted.empty()) out["accepted"] = held->accepted;
  // Numbers that no machine holds are the reader's limit, not the server's excuse.
  const bool readable = offered.is_object() && accepted.is_object();
  if (readable) out["changes"] = changes(accepted, offered);
  return out;
}

Reply DefinitionApi::accept(std::string_view id, const Json& body) {
  Fields fields(body, gateway_.settings()->currency);
  TRY_ASSIGN(const std::string by, read_decider(fields));
  TRY(fields.finish());
  store::DefinitionBook& book = gateway_.bank.definitions();
  const auto held = book.find(id);
  if (!held) return unknown(id);
  // The record first: a decision that nobody can find there is none.
  AuditEvent event;
  event.time = gateway_.clock.now();
  event.kind = EventKind::accept;
  event.subject = "admin";
  const std::string detail =
      fmt::format("definition {} by {}: {} at {}", held->id, by, held->tool, held->server);
  event.detail = detail;
  if (auto written = gateway_.bank.record(event); !written) {
    return unavailable(written.error().reason);
  }
  const Accepted accepted = book.accept(id);
  if (accepted == Accepted::gone) return unknown(id);
  if (accepted == Accepted::failed) return unavailable("the decision could not be written");
  if (const auto hub = gateway_.hub()) hub->reconsider();
  return summary(*held);
}

}  // namespace satgate::console
