// No bytes break the walk, and what passes names only what was allowed.
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "tariff/argument_rules.h"
#include "tariff/tool_price.h"

using namespace satgate;
using namespace satgate::tariff;

namespace {

std::vector<ArgumentRule> make_rules() {
  const Table<ArgumentPolicy> policies = {
      {"amount", {.max = "100", .optional = true}},
      {"url", {.hosts = {"example.com", "*.example.org"}, .optional = true}},
      {"repo.owner", {.pattern = "[a-z]+(-[a-z]+)*", .optional = true}},
      {"env", {.one_of = {"dev", "3"}, .optional = true}},
      {"force", {.absent = true}}};
  std::vector<ArgumentRule> rules;
  for (const auto& [name, policy] : policies)
    rules.push_back(std::move(*ArgumentRule::create(name, policy)));
  return rules;
}

ToolPrice make_price() {
  PricePolicy policy;
  policy.per_unit = UnitPolicy{.argument = "amount", .amount = Money::nano(2), .max = 100};
  policy.by_argument = ChoicePolicy{.argument = "env",
                                    .values = {{"dev", Money::nano(10)}, {"3", Money::nano(70)}},
                                    .when_missing = "3"};
  return *ToolPrice::create(policy);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<ArgumentRule> rules = make_rules();
  static const UrlHosts hosts = *UrlHosts::create({"example.com"});
  std::vector<const ArgumentRule*> all;
  for (const ArgumentRule& rule : rules)
    all.push_back(&rule);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!argument_breach(all, text)) {
    RELEASE_ASSERT(text.contains('{') && text.contains('}'));
    // Each rule by itself holds, too.
    for (const ArgumentRule* rule : all)
      RELEASE_ASSERT(!argument_breach(std::span(&rule, 1), text));
  }
  // A price is one number, and never above its bound.
  static const ToolPrice price = make_price();
  if (const auto fixed = price.fixed(text)) {
    RELEASE_ASSERT(*fixed >= Money::nano(12) && *fixed <= price.bound());
  }
  if (hosts.allow(text)) {
    RELEASE_ASSERT(text.starts_with("http://example.com") ||
                   text.starts_with("https://example.com"));
  }
  return 0;
}
