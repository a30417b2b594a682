#include <fmt/format.h>

#include "app/config/sections.h"
#include "wire/url.h"

namespace satgate::app {

void read_approvals(YamlMap& root, Draft& draft) {
  std::optional<YamlMap> map = root.map("approvals");
  if (!map) return;
  flow::ApprovalSettings& approvals = draft.settings.approvals;
  constexpr int64_t week = 7 * 86'400;
  constexpr int64_t longest_wait = 600;
  if (auto expires = map->seconds("expires")) {
    approvals.expires_seconds = *expires;
    if (*expires < 1 || *expires > week) {
      map->complain("expires", "must be from a second to a week");
    }
  }
  if (auto wait = map->seconds("wait")) {
    approvals.wait_seconds = *wait;
    if (*wait > longest_wait) {
      map->complain("wait", fmt::format("must be at most {} seconds: a call is held meanwhile",
                                        longest_wait));
    }
  }
  approvals.webhook = map->text("webhook").value_or("");
  approvals.secret = map->secret("secret").value_or("");
  if (map->has("webhook")) {
    const std::string without_query = approvals.webhook.substr(0, approvals.webhook.find('?'));
    if (const auto url = wire::parse_url(without_query); !url) {
      map->complain("webhook", url.error().message);
    }
    if (approvals.secret.empty()) {
      map->complain("secret", "is missing; with it the receiver knows who sent the message");
    }
  }
  map->finish();
}

}  // namespace satgate::app
