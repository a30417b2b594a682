// The routes that upstreams bring along without being named in `routes`.
#include <array>

#include "app/config/sections.h"

namespace satgate::app {
namespace {

using dialect::LlmApi;

struct ApiRoute {
  LlmApi api;
  std::string_view path;
  std::string_view suffix;  // of the route's name
};

constexpr std::array<ApiRoute, 6> kOpenaiRoutes = {{
    {LlmApi::chat_completions, "/v1/chat/completions", ""},
    {LlmApi::completions, "/v1/completions", "-completions"},
    {LlmApi::embeddings, "/v1/embeddings", "-embeddings"},
    {LlmApi::responses, "/v1/responses", "-responses"},
    {LlmApi::images, "/v1/images/generations", "-images"},
    {LlmApi::speech, "/v1/audio/speech", "-speech"},
}};

constexpr std::array<ApiRoute, 3> kAnthropicRoutes = {{
    {LlmApi::messages, "/v1/messages", ""},
    {LlmApi::count_tokens, "/v1/messages/count_tokens", "-count-tokens"},
    {LlmApi::batches, "/v1/messages/batches", "-batches"},
}};

class BuiltinRoutes {
 public:
  explicit BuiltinRoutes(Draft& draft) : draft_(draft), settings_(draft.settings) {}

  void add() {
    for (size_t i = 0; i < settings_.upstreams.size(); ++i) {
      if (settings_.upstreams[i].kind == flow::UpstreamKind::openai) add_openai(i);
      if (settings_.upstreams[i].kind == flow::UpstreamKind::anthropic) add_anthropic(i);
    }
    // After all that have a price: what else a provider sells, no one may have for nothing.
    for (size_t i = 0; i < settings_.upstreams.size(); ++i) {
      if (settings_.upstreams[i].kind != flow::UpstreamKind::http) add_rest(i);
    }
    add_only_http();
  }

 private:
  flow::Route route(size_t upstream, std::string_view suffix, std::string_view path) const {
    const flow::Upstream& target = settings_.upstreams[upstream];
    flow::Route made;
    made.name = target.name + std::string(suffix);
    made.path = path;
    made.upstream = upstream;
    made.mode = target.mode.value_or(settings_.mode);
    if (target.kind == flow::UpstreamKind::http) return made;
    const bool anthropic = target.kind == flow::UpstreamKind::anthropic;
    made.protocol = anthropic ? Protocol::anthropic : Protocol::openai;
    // Anthropic's clients name the host alone, OpenAI's the version, too.
    if (!anthropic || target.base_path.ends_with("/v1")) made.strip_prefix = "/v1";
    return made;
  }

  template <size_t Size>
  void add_apis(size_t upstream, const std::array<ApiRoute, Size>& apis) {
    for (const ApiRoute& api : apis) {
      flow::Route made = route(upstream, api.suffix, api.path);
      made.methods = {"POST"};
      made.api = api.api;
      settings_.routes.push_back(std::move(made));
    }
  }

  void add_models(size_t upstream) {
    for (const std::string_view path : {"/v1/models", "/v1/models/*"}) {
      flow::Route made = route(upstream, "-models", path);
      made.methods = {"GET"};
      made.protocol = Protocol::http;
      made.lists_models = true;
      draft_.policy.routes[made.name] = {};  // a list of names costs nothing
      settings_.routes.push_back(std::move(made));
    }
  }

  void add_stored(size_t upstream, std::string_view suffix, const std::string& below) {
    flow::Route made = route(upstream, suffix, below + "*");
    made.methods = {"GET", "DELETE"};
    made.serves_stored = true;
    settings_.routes.push_back(made);
    made.path = below + "*/cancel";
    made.methods = {"POST"};
    settings_.routes.push_back(std::move(made));
  }

  void add_openai(size_t upstream) {
    add_apis(upstream, kOpenaiRoutes);
    add_stored(upstream, "-responses", "/v1/responses/");
    flow::Route batches = route(upstream, "-batches", "/v1/batches");
    batches.unbounded = "input_file_id, a file of requests that lies at the provider,";
    settings_.routes.push_back(std::move(batches));
    add_models(upstream);
  }

  void add_anthropic(size_t upstream) {
    add_apis(upstream, kAnthropicRoutes);
    add_stored(upstream, "-batches", "/v1/messages/batches/");
    add_models(upstream);
  }

  void add_rest(size_t upstream) { settings_.routes.push_back(route(upstream, "-other", "/v1/*")); }

  // With one HTTP upstream there is nothing to choose: it serves every path nobody else claims.
  void add_only_http() {
    std::optional<size_t> only;
    for (size_t i = 0; i < settings_.upstreams.size(); ++i) {
      if (settings_.upstreams[i].kind != flow::UpstreamKind::http) continue;
      if (only) return;
      only = i;
    }
    if (only) settings_.routes.push_back(route(*only, "", "*"));
  }

  Draft& draft_;
  flow::Settings& settings_;
};

}  // namespace

void add_builtin_routes(Draft& draft) {
  BuiltinRoutes(draft).add();
}

}  // namespace satgate::app
