#include "tariff/tariff.h"

#include <algorithm>
#include <utility>

#include "tariff/tables.h"

namespace satgate::tariff {
namespace {

using Wide = unsigned __int128;

constexpr uint64_t kPerMillion = 1'000'000;

// tokens x rate, summed without wrapping and rounded up once.
class Bill {
 public:
  Bill& add(uint64_t tokens, int64_t rate) {
    const Wide part = static_cast<Wide>(tokens) * static_cast<uint64_t>(rate);
    if (__builtin_add_overflow(sum_, part, &sum_)) sum_ = ~static_cast<Wide>(0);
    return *this;
  }
  Money total() const {
    const Wide nano = sum_ / kPerMillion + (sum_ % kPerMillion != 0 ? 1 : 0);
    return nano > static_cast<Wide>(INT64_MAX) ? Money::max()
                                               : Money::nano(static_cast<int64_t>(nano));
  }

 private:
  Wide sum_ = 0;
};

uint64_t saturating_product(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

uint64_t minus_or_zero(uint64_t a, uint64_t b) {
  return a > b ? a - b : 0;
}

TokenRates dearest(const TokenRates& a, const TokenRates& b) {
  return {std::max(a.input, b.input), std::max(a.cached_input, b.cached_input),
          std::max(a.cache_write, b.cache_write), std::max(a.output, b.output),
          std::max(a.cache_write_1h, b.cache_write_1h)};
}

int64_t dearest_input(const TokenRates& rates, bool may_write_cache) {
  const int64_t read = std::max(rates.input, rates.cached_input);
  return may_write_cache ? std::max({read, rates.cache_write, rates.cache_write_1h}) : read;
}

// The bound for a request without one, which is then written into it: the model's maximum, but
// with room for the prompt. A provider refuses a bound that does not fit the context next to the
// prompt, so half a token a byte is set aside for it, at most three quarters of the context.
uint64_t default_output(const PricedModel& model, uint64_t input_bytes, uint64_t otherwise) {
  const uint64_t most = model.max_output > 0 ? model.max_output : otherwise;
  if (model.context == 0) return most;
  const uint64_t prompt = std::min(input_bytes / 2, model.context / 4 * 3);
  return std::max<uint64_t>(1, std::min(most, model.context - prompt));
}

// The dearest that a call may be billed at: the usual rates, and those of the tier that is asked
// for, or, where the provider chooses, of every tier with a price.
TokenRates dearest_tier(const PricedModel& model, const TokenRates& usual,
                        std::optional<ServiceTier> asked) {
  TokenRates rates = usual;
  for (size_t i = 0; i < kServiceTiers; ++i) {
    const bool may_be_served = !asked || *asked == static_cast<ServiceTier>(i);
    if (model.tiers[i] && may_be_served) rates = dearest(rates, *model.tiers[i]);
  }
  return rates;
}

// As the provider says it was served; where it does not say, the dearest that may have been.
TokenRates billed_rates(const PricedModel& model, std::optional<ServiceTier> asked,
                        const Usage& usage) {
  const bool is_long = model.long_above > 0 && usage.input > model.long_above;
  const TokenRates& usual = is_long ? model.long_context : model.base;
  if (!usage.tier) return dearest_tier(model, usual, asked);
  return model.tiers[static_cast<size_t>(*usage.tier)].value_or(usual);
}

Money bill(const PricedModel& model, const TokenRates& rates, const Usage& usage) {
  const uint64_t write_1h = usage.cache_write_1h;
  const uint64_t write = minus_or_zero(usage.cache_write, write_1h);
  const uint64_t thought = std::min(usage.reasoning, usage.output);
  // Each subtraction stops at zero: what an upstream reports twice is charged twice.
  const uint64_t plain =
      minus_or_zero(minus_or_zero(minus_or_zero(usage.input, usage.cached_input), write), write_1h);
  return Bill()
      .add(plain, rates.input)
      .add(usage.cached_input, rates.cached_input)
      .add(write, rates.cache_write)
      .add(write_1h, rates.cache_write_1h)
      .add(minus_or_zero(usage.output, thought), rates.output)
      .add(thought, model.reasoning.value_or(rates.output))
      .total();
}

Offer offer_of(const PricedModel& model) {
  Offer offer{Alternative::Kind::model, model.name, model.call_cost,
              !model.per_call && !model.only_units, model.base};
  offer.image = model.image;
  offer.characters = model.characters;
  return offer;
}

bool cheapest_first(const Offer& a, const Offer& b) {
  return a.cost != b.cost ? a.cost < b.cost : a.name < b.name;
}

}  // namespace

Tariff::Tariff(std::unique_ptr<const Tables> tables) : tables_(std::move(tables)) {}
Tariff::~Tariff() = default;

Quote Tariff::quote_flat(Money price, std::string_view rule) const {
  Quote quote;
  quote.worst_ = quote.fixed_ = price;
  quote.rule_ = rule;
  return quote;
}

Quote Tariff::quote_on_terms(Money most, std::string_view rule,
                             const std::optional<Terms>& terms) const {
  Quote quote = quote_flat(most, rule);
  if (terms) quote.terms_ = &*terms;
  return quote;
}

Quote Tariff::quote_under(const Quote& quote, const Circumstances& under) const {
  Quote result = quote;
  if (!quote.terms_) return result;
  result.fixed_ = quote.terms_->price(under);
  result.worst_ = result.fixed_ + quote.purchase_max_;
  return result;
}

bool Tariff::has_pricers() const {
  return tables_->has_pricers;
}

PathEntry Tariff::volume_account(const Quote& quote, const Circumstances& under,
                                 const AccountId& who) const {
  const Terms& terms = *quote.terms_;
  PathEntry entry;
  entry.account = terms.account(who);
  entry.kind = AccountKind::rate;
  entry.label = terms.label();
  if (const auto end = terms.tier_end(under)) entry.limits[terms.window()] = Money::credits(*end);
  return entry;
}

// Pictures and characters are counted in the request: what is held is what is charged.
std::expected<Quote, Refusal> Tariff::quote_units(const PricedModel& model,
                                                  const Call& call) const {
  const bool images = call.unit == BilledUnit::image;
  const std::optional<Money>& price = images ? model.image : model.characters;
  if (!price) return std::unexpected(Refusal::price_unknown);
  const uint64_t count = images ? saturating_product(call.units, kPerMillion) : call.units;
  Quote quote = quote_flat(Bill().add(count, price->nano()).total(), model.rule);
  quote.model_ = &model;
  return quote;
}

std::expected<Quote, Refusal> Tariff::quote_model(const PricedModel& model,
                                                  const Call& call) const {
  if (model.per_call) {
    Quote quote = quote_flat(model.call_cost, model.rule);
    quote.model_ = &model;
    return quote;
  }
  if (!call.unbounded.empty()) return std::unexpected(Refusal::price_unknown);
  if (call.unit != BilledUnit::token) return quote_units(model, call);
  if (model.only_units) return std::unexpected(Refusal::price_unknown);
  const auto& priority = model.tiers[static_cast<size_t>(ServiceTier::priority)];
  // Dearer than usual, and nobody knows by how much.
  if (call.tier == ServiceTier::priority && !priority) {
    return std::unexpected(Refusal::price_unknown);
  }
  if (call.whole_context && model.context == 0) return std::unexpected(Refusal::price_unknown);
  Quote quote;
  quote.input_tokens_bound_ = call.whole_context ? model.context : call.input_bytes;
  quote.rule_ = model.rule;
  quote.model_ = &model;
  quote.per_token_ = true;
  const bool may_be_long = model.long_above > 0 && quote.input_tokens_bound_ > model.long_above;
  quote.rates_ = may_be_long ? dearest(model.base, model.long_context) : model.base;
  quote.rates_ = dearest_tier(model, quote.rates_, call.tier);
  // A long prompt is dearer in a batch, too, and nobody says by how much: it stays at the usual.
  if (!call.batch_item.empty() && model.batch && !may_be_long) quote.rates_ = *model.batch;
  quote.tier_ = call.tier;
  // All of an answer may be thought.
  quote.rates_.output = std::max(quote.rates_.output, model.reasoning.value_or(0));
  const int64_t input_rate = dearest_input(quote.rates_, call.may_write_cache);
  quote.fixed_ = Bill().add(quote.input_tokens_bound_, input_rate).total();
  const uint64_t each = call.output_tokens_max.value_or(
      default_output(model, call.input_bytes, tables_->output_tokens_default));
  const uint64_t choices = std::max<uint32_t>(call.choices, 1);
  const uint64_t output =
      model.kind == ModelKind::embedding ? 0 : saturating_product(each, choices);
  return requote_with_output(quote, output);
}

// Settled before anything is used, so all of it is held and charged.
std::expected<Quote, Refusal> Tariff::quote_batch(const Call& call) const {
  if (!call.unbounded.empty()) return std::unexpected(Refusal::price_unknown);
  Money sum;
  const PricedModel* model = nullptr;
  std::string_view name;
  for (const BatchItem& item : call.batch) {
    if (model == nullptr || item.model != name) model = tables_->find_model(item.model);
    if (model == nullptr) return std::unexpected(Refusal::price_unknown);
    name = item.model;
    const auto quote = quote_model(*model, alone(call, item));
    if (!quote) return quote;
    sum += quote->worst();
  }
  return quote_flat(sum, "batch");
}

std::expected<Quote, Refusal> Tariff::quote_tool(const Call& call, std::string_view token_name,
                                                 bool approved, Extent extent) const {
  NameBuffer buffer;
  const auto names = buffer.names(call.upstream, call.tool, call.listed_tool);
  if (!names) return std::unexpected(Refusal::tool_denied);
  const TokenRules* token = tables_->find_token(token_name);
  const ServerRule* server = tables_->find_server(call);
  const ToolVerdict own = token ? token->tools.look_up(*names) : ToolVerdict();
  const ToolVerdict common = tables_->tools.look_up(*names);
  if (!own.enabled || !common.enabled || (server && !server->policy.enabled)) {
    return std::unexpected(Refusal::tool_denied);
  }
  if (server && server->policy.only_reads && !call.only_reads) {
    return std::unexpected(Refusal::tool_denied);
  }
  const bool wants_approval = own.require_approval || common.require_approval ||
                              (server && server->policy.require_approval);
  if (wants_approval && !approved) return std::unexpected(Refusal::approval_required);
  const auto quote = quote_priced(call, own, common, server, extent);
  const std::optional<Money> of_server = server ? server->policy.approval_above : std::nullopt;
  for (const auto& above : {own.approval_above, common.approval_above, of_server}) {
    if (quote && above && quote->worst() > *above && !approved) {
      return std::unexpected(Refusal::approval_required);
    }
  }
  return quote;
}

std::expected<Quote, Refusal> Tariff::quote_by_price(const ToolPrice& price, std::string_view rule,
                                                     const Call& call, Extent extent) const {
  const bool is_any = extent == Extent::any_call;
  const auto fixed = is_any ? std::optional(price.bound()) : price.fixed(call.arguments);
  if (!fixed) return std::unexpected(Refusal::price_unknown);
  Quote quote = quote_flat(*fixed, rule);
  quote.tool_price_ = &price;
  if (is_any) return quote;
  quote.result_bytes_bound_ = price.result_bytes_bound();
  quote.worst_ += cost_of_bytes(quote.result_bytes_bound_.value_or(0), price.per_result_kib());
  return quote;
}

std::expected<Quote, Refusal> Tariff::quote_priced(const Call& call, const ToolVerdict& own,
                                                   const ToolVerdict& common,
                                                   const ServerRule* server, Extent extent) const {
  for (const ToolRule* rule : {own.priced, common.priced}) {
    if (rule && rule->terms) return quote_on_terms(rule->terms->most(), rule->rule, rule->terms);
    if (rule) return quote_by_price(*rule->price, rule->rule, call, extent);
  }
  if (server && server->policy.price) return quote_flat(*server->policy.price, server->rule);
  return std::unexpected(Refusal::price_unknown);
}

// Whose price needs arguments, if any does: others are not looked for.
const ToolRule* Tariff::find_priced(const TokenRules* token, const Names& names) const {
  const bool own_needs = token && token->tools.has_prices_by_argument();
  if (!own_needs && !tables_->tools.has_prices_by_argument()) return nullptr;
  const ToolRule* own = token ? token->tools.look_up(names).priced : nullptr;
  return own ? own : tables_->tools.look_up(names).priced;
}

std::optional<std::string> Tariff::argument_breach(const Call& call,
                                                   std::string_view token_name) const {
  if (call.protocol != Protocol::mcp || call.arguments.empty()) return std::nullopt;
  NameBuffer buffer;
  const auto names = buffer.names(call.upstream, call.tool, call.listed_tool);
  if (!names) return std::nullopt;  // no price either
  std::vector<const ArgumentRule*> rules;
  tables_->tools.add_argument_rules(rules, *names);
  const TokenRules* token = tables_->find_token(token_name);
  if (token) token->tools.add_argument_rules(rules, *names);
  if (const ToolRule* priced = find_priced(token, *names)) {
    priced->price->add_argument_rules(rules);
  }
  if (rules.empty()) return std::nullopt;
  return tariff::argument_breach(rules, call.arguments);
}

// Of an LLM provider: a pattern was written with something else in mind.
std::expected<Quote, Refusal> Tariff::quote_exact_path(const Call& call) const {
  const auto exact = tables_->endpoints.find(call.endpoint);
  if (exact == tables_->endpoints.end()) return std::unexpected(Refusal::price_unknown);
  return quote_on_terms(exact->second.cost, exact->second.rule, exact->second.terms);
}

std::expected<Quote, Refusal> Tariff::quote(const Call& call, std::string_view token_name,
                                            bool approved) const {
  if (call.asks_stored) return quote_flat(Money(), "stored");
  if (!call.batch.empty()) return quote_batch(call);
  if (!call.model.empty()) {
    const PricedModel* model = tables_->find_model(call.model);
    if (model) {
      const auto quote = quote_model(*model, call);
      if (quote || call.unit == BilledUnit::token) return quote;
    }
    // What is billed by the piece may have a price for its path.
    return call.unit == BilledUnit::token ? std::unexpected(Refusal::price_unknown)
                                          : quote_exact_path(call);
  }
  if (call.protocol == Protocol::mcp) {
    const auto quote = quote_tool(call, token_name, approved);
    if (quote || quote.error() != Refusal::price_unknown) return quote;
  } else if (call.protocol == Protocol::http) {
    if (const EndpointRule* rule = tables_->find_endpoint(call.endpoint)) {
      return quote_on_terms(rule->cost, rule->rule, rule->terms);
    }
  } else {
    return quote_exact_path(call);
  }
  const auto route = tables_->routes.find(call.route);
  if (route == tables_->routes.end()) return std::unexpected(Refusal::price_unknown);
  return quote_on_terms(route->second.price, route->second.rule, route->second.terms);
}

Quote Tariff::requote_with_output(const Quote& quote, uint64_t output_tokens) const {
  Quote result = quote;
  if (!quote.per_token_) return result;
  result.output_tokens_bound_ = output_tokens;
  result.worst_ = quote.fixed_ + Bill().add(output_tokens, quote.rates_.output).total();
  return result;
}

Quote Tariff::quote_cached(const Quote& quote, Money price, std::string_view rule) const {
  Quote result = quote_flat(price, rule);
  result.model_ = quote.model_;
  return result;
}

Quote Tariff::quote_with_purchase(const Quote& quote, Money most) const {
  Quote result = quote;
  result.worst_ += most;
  result.purchase_max_ = most;
  return result;
}

Quote Tariff::quote_agreed(const Quote& quote, Money price) const {
  Quote result = quote_cached(quote, price, "sale");
  result.terms_ = quote.terms_;
  return result;
}

bool Tariff::keeps_results() const {
  const auto has = [](const auto& token) { return token.second.tools.has_caches(); };
  return tables_->tools.has_caches() || std::ranges::any_of(tables_->tokens, has);
}

const ToolCache* Tariff::cache_of(const Call& call, std::string_view token_name) const {
  NameBuffer buffer;
  const auto names = buffer.names(call.upstream, call.tool, call.listed_tool);
  if (call.protocol != Protocol::mcp || !names) return nullptr;
  const TokenRules* token = tables_->find_token(token_name);
  for (const ToolTable* table : {token ? &token->tools : nullptr, &tables_->tools}) {
    if (!table || !table->has_caches()) continue;
    if (const ToolRule* rule = table->look_up(*names).cached) return &*rule->cache;
  }
  return nullptr;
}

std::optional<uint64_t> Tariff::affordable_output(const Quote& quote, Money headroom,
                                                  uint32_t choices) const {
  if (!quote.per_token_ || headroom < quote.fixed_) return std::nullopt;
  const uint64_t each = quote.output_tokens_bound_ / std::max<uint32_t>(choices, 1);
  uint64_t affordable = each;
  if (quote.rates_.output > 0) {
    const Wide left = static_cast<Wide>((headroom - quote.fixed_).nano()) * kPerMillion;
    const Wide tokens = left / static_cast<uint64_t>(quote.rates_.output);
    affordable =
        static_cast<uint64_t>(std::min<Wide>(tokens / std::max<uint32_t>(choices, 1), each));
  }
  if (affordable == 0) return std::nullopt;
  return affordable;
}

Money Tariff::cost(const Quote& quote, const Usage& usage) const {
  if (quote.result_bytes_bound_) {
    const uint64_t bytes = std::min(usage.result_bytes, *quote.result_bytes_bound_);
    return quote.fixed_ + cost_of_bytes(bytes, quote.tool_price_->per_result_kib());
  }
  if (!quote.per_token_) return quote.worst_ - quote.purchase_max_;
  const auto& priority = quote.model_->tiers[static_cast<size_t>(ServiceTier::priority)];
  // Served dearer than it was asked for, at a price that nobody told.
  if (usage.tier == ServiceTier::priority && !priority) return quote.worst_;
  return bill(*quote.model_, billed_rates(*quote.model_, quote.tier_, usage), usage);
}

std::optional<Money> Tariff::cost_unbounded(const Call& call, const Usage& usage) const {
  const PricedModel* model = call.model.empty() ? nullptr : tables_->find_model(call.model);
  if (!model || model->per_call || model->only_units) return std::nullopt;
  return bill(*model, billed_rates(*model, call.tier, usage), usage);
}

bool Tariff::has_price(std::string_view model) const {
  return tables_->find_model(model) != nullptr;
}

std::optional<uint64_t> Tariff::longest_answer(const Quote& quote) const {
  if (!quote.model_ || quote.model_->max_output == 0) return std::nullopt;
  return quote.model_->max_output;
}

bool Tariff::can_stand_in(const Quote& quote, const Quote& other) const {
  if (!quote.model_ || !other.model_) return false;
  if (!quote.model_->provider || !other.model_->provider) return true;
  const bool embeds = quote.model_->kind == ModelKind::embedding;
  return quote.model_->provider == other.model_->provider &&
         embeds == (other.model_->kind == ModelKind::embedding);
}

bool Tariff::output_is_visible(const Quote& quote) const {
  return quote.model_ && quote.model_->provider && quote.model_->kind == ModelKind::chat;
}

bool Tariff::add_accounts(Path& path, const Call& call, std::string_view token_name) const {
  const TokenRules* token = tables_->find_token(token_name);
  if (token && token->limit && !path.add(*token->limit)) return false;
  if (call.protocol != Protocol::mcp) return true;
  if (const ServerRule* server = tables_->find_server(call)) {
    if (server->limit && !path.add(*server->limit)) return false;
    if (server->rate && !path.add(*server->rate)) return false;
  }
  NameBuffer buffer;
  const auto names = buffer.names(call.upstream, call.tool, call.listed_tool);
  if (!names) return false;
  if (token && !token->tools.add_rates(path, *names)) return false;
  return tables_->tools.add_rates(path, *names);
}

std::optional<Money> Tariff::price_of(std::string_view server, std::string_view tool,
                                      std::string_view listed_tool, std::string_view token_name,
                                      bool only_reads) const {
  Call call;
  call.protocol = Protocol::mcp;
  call.upstream = server;
  call.tool = tool;
  call.listed_tool = listed_tool;
  call.only_reads = only_reads;
  const auto price = quote_tool(call, token_name, true, Extent::any_call);
  if (!price) return std::nullopt;
  return price->worst();
}

std::optional<Offer> Tariff::offer_of_tool(const Call& call, std::string_view token_name) const {
  const auto quote = quote_tool(call, token_name, true, Extent::any_call);
  if (!quote) return std::nullopt;
  Offer offer{Alternative::Kind::tool, call.listed_tool, quote->worst(), false, {}};
  offer.parts = quote->tool_price_ ? quote->tool_price_->policy() : nullptr;
  offer.terms = quote->terms_ ? &quote->terms_->policy() : nullptr;
  return offer;
}

bool Tariff::requires_approval(const Call& call, std::string_view token_name) const {
  const auto result = quote(call, token_name, false);
  return !result && result.error() == Refusal::approval_required;
}

void Tariff::offer_models(std::vector<Offer>& offers, const Call& call, const Quote& quote) const {
  const auto offer = [&](const PricedModel& model) {
    if (&model == quote.model_) return;
    const auto other = quote_model(model, call);
    if (!other || other->worst() >= quote.worst() || !can_stand_in(quote, *other)) return;
    offers.push_back({Alternative::Kind::model, model.name, other->worst(), false, {}});
  };
  if (!tables_->config_models.empty()) {
    for (const auto& [name, model] : tables_->config_models)
      offer(model);
    return;
  }
  for (const auto& [name, model] : tables_->builtin_models) {
    const bool same_kind = quote.model_ && model.provider == quote.model_->provider &&
                           model.kind == quote.model_->kind;
    if (same_kind && model.offered) offer(model);
  }
}

void Tariff::offer_tools(std::vector<Offer>& offers, const Call& call, const Quote& quote,
                         std::string_view token_name) const {
  const auto offer = [&](const ToolTable& table) {
    for (const ToolRule& rule : table.rules()) {
      std::string_view server = call.upstream, tool = rule.name;
      if (tool.contains('*') || tables_->servers.contains(tool)) continue;
      const size_t dot = tool.find('.');
      if (dot != tool.npos && tables_->servers.contains(tool.substr(0, dot))) {
        server = tool.substr(0, dot);
        tool = tool.substr(dot + 1);
      }
      const auto price = price_of(server, tool, rule.name, token_name, false);
      if (!price || *price >= quote.worst()) continue;
      offers.push_back({Alternative::Kind::tool, rule.name, *price, false, {}});
    }
  };
  if (const TokenRules* token = tables_->find_token(token_name)) offer(token->tools);
  offer(tables_->tools);
}

std::vector<Offer> Tariff::alternatives(const Call& call, const Quote& quote,
                                        std::string_view token_name) const {
  std::vector<Offer> offers;
  if (!call.batch.empty()) return offers;
  if (!call.model.empty()) {
    offer_models(offers, call, quote);
  } else if (call.protocol == Protocol::mcp) {
    offer_tools(offers, call, quote, token_name);
  } else {
    for (const auto& [path, rule] : tables_->endpoints) {
      if (rule.cost >= quote.worst()) continue;
      offers.push_back({Alternative::Kind::endpoint, rule.path, rule.cost, false, {}});
    }
  }
  std::ranges::sort(offers, cheapest_first);
  const auto repeated =
      std::ranges::unique(offers, [](const Offer& a, const Offer& b) { return a.name == b.name; });
  offers.erase(repeated.begin(), repeated.end());
  return offers;
}

std::optional<Offer> Tariff::offer_of_model(std::string_view name) const {
  const PricedModel* model = tables_->find_model(name);
  if (model == nullptr) return std::nullopt;
  return offer_of(*model);
}

std::vector<Offer> Tariff::listing() const {
  std::vector<Offer> offers;
  const auto add_flat = [&](Alternative::Kind kind, std::string_view name, Money cost) {
    offers.push_back({kind, name, cost, false, {}});
  };
  const auto add_terms = [&](const std::optional<Terms>& terms) {
    if (terms) offers.back().terms = &terms->policy();
  };
  for (const ToolRule& rule : tables_->tools.rules()) {
    if (!rule.price) continue;
    add_flat(Alternative::Kind::tool, rule.name, rule.price->bound());
    offers.back().parts = rule.price->policy();
    add_terms(rule.terms);
  }
  for (const auto& [name, server] : tables_->servers) {
    if (server.policy.price) add_flat(Alternative::Kind::tool, name, *server.policy.price);
  }
  for (const auto& [path, rule] : tables_->endpoints) {
    add_flat(Alternative::Kind::endpoint, rule.path, rule.cost);
    add_terms(rule.terms);
  }
  for (const EndpointRule& rule : tables_->endpoint_patterns) {
    add_flat(Alternative::Kind::endpoint, rule.path, rule.cost);
    add_terms(rule.terms);
  }
  const auto add_model = [&](const PricedModel& model) {
    Offer offer = offer_of(model);
    const auto known = tables_->builtin_models.find(model.name);
    offer.built_in = known != tables_->builtin_models.end() && &known->second == &model;
    if (known != tables_->builtin_models.end() && !offer.built_in) {
      offer.replaces = known->second.base;
    }
    offers.push_back(offer);
  };
  for (const auto& [name, model] : tables_->config_models)
    add_model(model);
  for (const PricedModel& model : tables_->model_patterns)
    add_model(model);
  for (const auto& [name, model] : tables_->builtin_models) {
    if (!tables_->config_models.contains(name)) add_model(model);
  }
  return offers;
}

}  // namespace satgate::tariff
