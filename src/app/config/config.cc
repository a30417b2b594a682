#include "app/config/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "app/config/sections.h"
#include "base/text.h"

namespace satgate::app {
namespace {

void read_version(YamlMap& root) {
  const std::optional<std::string> version = root.text("version");
  if (version && *version != "1") {
    root.complain("version",
                  fmt::format("'{}' is not known; this version reads `version: 1`", *version));
  }
}

// Budgets must stand in the order parents first, so that they can be stored one after the other.
void order_budgets(std::vector<BudgetRecord>& budgets) {
  std::vector<BudgetRecord> ordered;
  const auto is_ordered = [&](const std::string& name) {
    return std::ranges::any_of(ordered, [&](const BudgetRecord& b) { return b.name == name; });
  };
  while (ordered.size() < budgets.size()) {
    for (const BudgetRecord& budget : budgets) {
      if (is_ordered(budget.name)) continue;
      if (budget.parent.empty() || is_ordered(budget.parent)) ordered.push_back(budget);
    }
  }
  budgets = std::move(ordered);
}

void read_sections(YamlMap& root, Draft& draft, const std::string& mode) {
  read_version(root);
  read_currency(root, draft);
  read_lightning(root, draft);
  read_server(root, draft);
  if (const auto other = parse_mode(mode)) draft.settings.mode = *other;
  read_upstreams(root, draft);
  read_mcp_servers(root, draft);
  read_routes(root, draft);
  read_prices(root, draft);
  read_loop_guard(root, draft);
  read_routing(root, draft);
  read_cache(root, draft);
  read_approvals(root, draft);
  read_policies(root, draft);
  read_budgets(root, draft);
  root.finish();
}

ConfigResult freeze(Draft draft, const Findings& findings) {
  ConfigResult result{
      .settings = nullptr, .errors = findings.errors(), .warnings = findings.warnings()};
  // Routes of the config come first; what upstreams bring along does not override them.
  add_builtin_routes(draft);
  if (draft.settings.upstreams.empty() && draft.settings.mcp_servers.empty()) {
    result.warnings.push_back(
        "there are no `upstreams` and no `mcpServers`: nothing to forward to");
  }
  Result<std::unique_ptr<const tariff::Tariff>> tariff =
      tariff::Tariff::create(std::move(draft.policy));
  if (!tariff) result.errors.push_back(tariff.error().message);
  if (!result.errors.empty()) return result;
  order_budgets(draft.settings.budgets);
  draft.settings.tariff = std::move(*tariff);
  check_routing(draft.settings, result.errors);
  check_charge(draft.settings, result.errors);
  check_pay(draft.settings, result.errors);
  if (!result.errors.empty()) return result;
  result.settings = std::make_shared<flow::Settings>(std::move(draft.settings));
  return result;
}

}  // namespace

ConfigResult parse_config(std::string_view text, const Sources& sources, const std::string& mode) {
  Findings findings;
  Draft draft;
  try {
    const YAML::Node document = YAML::Load(std::string(text));
    YamlMap root(document, "", findings, sources);
    read_sections(root, draft, mode);
  } catch (const YAML::Exception& e) {
    findings.error(e.mark, "the file", e.msg);
    return {.settings = nullptr, .errors = findings.errors(), .warnings = findings.warnings()};
  }
  return freeze(std::move(draft), findings);
}

ConfigResult load_config(const std::filesystem::path& file, const Sources& sources,
                         const std::string& mode) {
  std::vector<std::filesystem::path> files = {file};
  Sources noting = sources;
  noting.folder = file.parent_path();
  noting.read_file = [&](const std::string& path) {
    const std::filesystem::path read = path;
    if (std::ranges::find(files, read) == files.end()) files.push_back(read);
    return sources.read_file(path);
  };
  ConfigResult result;
  if (const Result<std::string> text = sources.read_file(file.string()); !text) {
    result.errors.push_back(text.error().message);
  } else {
    result = parse_config(*text, noting, mode);
  }
  if (result.settings && !result.settings->server.tls_certificate.empty()) {
    files.emplace_back(result.settings->server.tls_certificate);
    files.emplace_back(result.settings->server.tls_key);
  }
  result.files = std::move(files);
  return result;
}

Sources process_sources() {
  Sources sources;
  sources.environment = [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
  sources.read_file = [](const std::string& path) -> Result<std::string> {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(fmt::format("cannot read the file '{}'", path));
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  return sources;
}

namespace {

struct Provider {
  std::string_view kind, url, url_variable, key_variable;
};

constexpr Provider kOpenAi = {"openai", "https://api.openai.com/v1", "OPENAI_BASE_URL",
                              "OPENAI_API_KEY"};
constexpr Provider kAnthropic = {"anthropic", "https://api.anthropic.com", "ANTHROPIC_BASE_URL",
                                 "ANTHROPIC_API_KEY"};

std::string provider_yaml(const Provider& provider, const ProxyOptions& options,
                          const Sources& sources, ConfigResult& result) {
  std::string url = options.base_url;
  if (url.empty())
    url = sources.environment(provider.url_variable).value_or(std::string(provider.url));
  const bool observe = parse_mode(options.mode) == Mode::observe;
  const bool has_key = sources.environment(provider.key_variable).has_value();
  if (!has_key && !observe) {
    result.errors.push_back(fmt::format(
        "{} is not set: export the key that SatGate shall use towards {}, or start with --mode "
        "observe to pass the agents' own keys through",
        provider.key_variable, provider.kind));
  }
  const std::string credential =
      has_key ? fmt::format("${{{}}}", provider.key_variable) : "passthrough";
  return fmt::format("upstreams:\n  {0}: {{kind: {0}, url: \"{1}\", credential: \"{2}\"}}\n",
                     provider.kind, url, credential);
}

}  // namespace

ConfigResult proxy_config(const ProxyOptions& options, const Sources& sources) {
  ConfigResult result;
  std::string yaml = "version: 1\n";
  if (!options.mode.empty()) yaml += fmt::format("mode: {}\n", options.mode);
  if (options.proxy == "openai") {
    yaml += provider_yaml(kOpenAi, options, sources, result);
  } else if (options.proxy == "anthropic") {
    yaml += provider_yaml(kAnthropic, options, sources, result);
  } else if (!options.proxy.empty()) {
    yaml += fmt::format("upstreams:\n  upstream: {{kind: http, url: \"{}\"}}\n", options.proxy);
  }
  if (!result.errors.empty()) return result;
  return parse_config(yaml, sources);
}

std::string print_settings(const flow::Settings& s) {
  std::string out;
  auto to = std::back_inserter(out);
  fmt::format_to(to, "server      {}{}\n", s.server.address,
                 s.server.tls_certificate.empty() ? "" : " (TLS)");
  fmt::format_to(to, "admin       {}\n", s.admin.address);
  fmt::format_to(to, "mode        {}\n", to_string(s.mode));
  fmt::format_to(to, "timezone    {}\n", s.timezone.name());
  fmt::format_to(to, "durability  {}\n", s.strict_durability ? "strict" : "normal");
  for (const auto& [hash, token] : s.api_keys)
    fmt::format_to(to, "api key     acts for {}\n", token);
  for (const flow::Upstream& u : s.upstreams) {
    fmt::format_to(to, "upstream    {}  {}://{}:{}{}  credential {}\n", u.name,
                   u.identity.tls ? "https" : "http", u.identity.host, u.identity.port, u.base_path,
                   u.passthrough                ? "passthrough"
                   : u.credential.first.empty() ? "none"
                                                : "set");
  }
  for (const flow::mcp::ServerConfig& server : s.mcp_servers) {
    const bool stdio = std::holds_alternative<flow::mcp::StdioCommand>(server.transport);
    fmt::format_to(to, "mcp server  {}  {}  {}\n", server.name, stdio ? "stdio" : "http",
                   to_string(s.mcp_mode(server.name)));
  }
  for (const flow::Route& route : s.routes) {
    fmt::format_to(to, "route       {}  {}  -> {}  {}\n", route.name, route.path,
                   s.upstreams[route.upstream].name, to_string(route.mode));
  }
  for (const tariff::Offer& offer : s.tariff->listing()) {
    if (offer.per_token) continue;
    fmt::format_to(to, "price       {}  {}{} credits\n", offer.name,
                   offer.parts == nullptr && offer.terms == nullptr ? "" : "at most ",
                   format_credits(offer.cost));
  }
  for (const BudgetRecord& b : s.budgets) {
    fmt::format_to(to, "budget      {}{}{}\n", b.name, b.parent.empty() ? "" : "  below ",
                   b.parent);
  }
  return out;
}

}  // namespace satgate::app
