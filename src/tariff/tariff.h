// Tariff: what a call costs at most, what it did cost, and which accounts besides the token's own
// it spends from (Law 1.2). Made once from the config, then only read: every loop shares one.
//
//   TRY_ASSIGN(auto tariff, Tariff::create(std::move(policy)));
//   auto quote = tariff->quote(call, "cursor-dev");    // no price: Refusal::price_unknown
//   ... reserve quote->worst(); forward; read usage ...
//   ledger.settle(reservation, tariff->cost(*quote, usage));
//
// Order of a price: policies.TOKEN.tools, tools (MCP) or endpoints (HTTP), the server's policy
// price, the route's price. The tool tables and server policies rule MCP calls only. A model call
// is priced by `models`, then by the built-in table; both are matched exactly, a dated variant
// ("-2024-08-06") only where the table says so. A price of zero must be written. Within the tool
// tables: exact tool, tool pattern, exact server, server pattern, `*`; of equally specific entries
// the dearest.
//
// Callers must pass `endpoint` normalised (no dot segments, no needless percent-encoding, no
// doubled slash) and must refuse request bodies with a Content-Encoding: bytes bound tokens only
// in plain text. A Quote points into its Tariff: keep the Tariff until every exchange has ended.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "contract/call.h"
#include "contract/path.h"
#include "contract/quote.h"
#include "contract/refusal.h"
#include "contract/share.h"
#include "tariff/policy.h"
#include "tariff/terms.h"

namespace satgate::tariff {

class ToolPrice;
struct Names;
struct Tables;
struct TokenRules;
struct ToolCache;
struct ToolRule;
struct ToolVerdict;
struct ServerRule;

// Something with a price: for listings, and as a cheaper way out of a refusal. Names are owned by
// the Tariff.
struct Offer {
  Alternative::Kind kind = Alternative::Kind::tool;
  std::string_view name;
  Money cost;              // of one call; of the call at hand when listed as an alternative to it
  bool per_token = false;  // rates apply and cost is zero, in a listing
  TokenRates rates;
  std::optional<Money> image = {};       // one picture, at most
  std::optional<Money> characters = {};  // a million of them, spoken
  // In a listing: from the table that comes with the program, or what of it the config replaces.
  bool built_in = false;
  std::optional<TokenRates> replaces = {};
  // Of a tool whose price depends on the call: `cost` is its bound. Null: it is flat.
  const PricePolicy* parts = nullptr;
  // Of a price that depends on more than the call: `cost` is its bound.
  const TermsPolicy* terms = nullptr;

  bool is_per_call() const { return !per_token && !image && !characters; }
};

class Tariff {
 public:
  // Fails with a sentence for each entry that makes no sense, all of them at once.
  static Result<std::unique_ptr<const Tariff>> create(Policy policy);
  ~Tariff();

  // The worst-case price. Refuses with tool_denied (disabled), approval_required (unless
  // `approved`) or price_unknown, in this order. No allocation, but for a price by argument.
  std::expected<Quote, Refusal> quote(const Call& call, std::string_view token_name,
                                      bool approved = false) const;

  // The first of the call's arguments that the config does not allow, in a sentence that says what
  // it allows, or what its price needs; nothing: all of them hold. Those of tools alone have rules.
  std::optional<std::string> argument_breach(const Call& call, std::string_view token_name) const;

  // Who gets how much of what the call costs: by the nearest entry with `share`, in the order of
  // prices. Empty: all of it is the owner's. As long as the Tariff.
  std::span<const Share> shares_of(const Call& call, std::string_view token_name) const;

  // Whether what any tool answers may be given again.
  bool keeps_results() const;

  // Where the request names no bound of its own, the quote assumes one, and the forwarded body
  // must carry it: output_tokens_bound() divided by the choices.
  //
  // The same call with at most `output_tokens` of output over all choices.
  Quote requote_with_output(const Quote& quote, uint64_t output_tokens) const;

  // The same call, made under these circumstances; of a quote without terms the same.
  Quote quote_under(const Quote& quote, const Circumstances& under) const;
  // Null: it has none. They live as long as the Tariff.
  const Terms* terms_of(const Quote& quote) const { return quote.terms_; }
  bool has_pricers() const;  // whether any price is somebody else's to say
  // Where the calls of `who` are counted, with a limit that ends where the price under these
  // circumstances does. REQUIRES: terms that count calls.
  PathEntry volume_account(const Quote& quote, const Circumstances& under,
                           const AccountId& who) const;

  // The same call, answered from a cache at this price. `rule` lives as long as the Tariff.
  Quote quote_cached(const Quote& quote, Money price,
                     std::string_view rule = "cache.hitPrice") const;

  // The same call, which may also spend up to this at its upstream. REQUIRES: its price is flat.
  Quote quote_with_purchase(const Quote& quote, Money most) const;

  // The same call at a price that was agreed; by its outcome, where its price is.
  Quote quote_agreed(const Quote& quote, Money price) const;

  // Whether what the tool answers may be given again, and to whom; null: it may not.
  const ToolCache* cache_of(const Call& call, std::string_view token_name) const;

  // The most `max_tokens` per choice that `headroom` pays for, at most what was quoted. Nothing
  // if not even one token, or if the price does not depend on output (then no clamp can help).
  std::optional<uint64_t> affordable_output(const Quote& quote, Money headroom,
                                            uint32_t choices) const;

  // What the call did cost, without a purchase, rounded up once. At most quote.worst() if the usage
  // keeps the quoted bounds; more is an overrun, which the ledger handles.
  Money cost(const Quote& quote, const Usage& usage) const;

  bool has_price(std::string_view model) const;
  // The most tokens of one answer of the quoted model; nothing: not known.
  std::optional<uint64_t> longest_answer(const Quote& quote) const;
  // Whether a model could answer in place of the one that was quoted: of the same provider, and an
  // embedding where it is one, as far as both are known.
  bool can_stand_in(const Quote& quote, const Quote& other) const;
  // What its tokens cost in a call that has no quote, because nothing bounds it. Without what a
  // provider adds for tiers, tools and sound: for observe, where nothing is held. Nothing: the
  // model has no rates.
  std::optional<Money> cost_unbounded(const Call& call, const Usage& usage) const;

  // Whether every billed output token of the quoted model appears in its answer. False: it may
  // think in secret, or nothing is known about it.
  bool output_is_visible(const Quote& quote) const;

  // Adds the accounts that the config opens for this call: server limits, policies.TOKEN limits,
  // rates. False: the path is full, refuse. No allocation; labels live as long as the Tariff.
  [[nodiscard]] bool add_accounts(Path& path, const Call& call, std::string_view token_name) const;

  // The price of one call of an MCP tool for this token; nothing if it may not be called or has
  // no price. A tool that waits for approval has one. `only_reads`: as in Call. Of a price that
  // depends on the call it is the bound.
  std::optional<Money> price_of(std::string_view server, std::string_view tool,
                                std::string_view listed_tool, std::string_view token_name,
                                bool only_reads = true) const;
  // The same with its parts: of any call of the tool that `call` names, whatever its arguments.
  std::optional<Offer> offer_of_tool(const Call& call, std::string_view token_name) const;
  bool requires_approval(const Call& call, std::string_view token_name) const;

  // What is cheaper than `quote` and of the same kind, cheapest first: exactly named tools,
  // endpoints, or models. Models come from the config if it prices any exactly, else from the
  // table: same provider, same kind (plain chat, reasoning, embedding). The caller drops what the
  // token may not use. For refusals only: allocates.
  std::vector<Offer> alternatives(const Call& call, const Quote& quote,
                                  std::string_view token_name) const;

  // One model, as in listing(); nothing: it has no price.
  std::optional<Offer> offer_of_model(std::string_view name) const;

  // All that is written in the config, and the models by name. For /.well-known and the console.
  std::vector<Offer> listing() const;

 private:
  explicit Tariff(std::unique_ptr<const Tables> tables);
  Quote quote_flat(Money price, std::string_view rule) const;
  Quote quote_on_terms(Money most, std::string_view rule, const std::optional<Terms>& terms) const;
  // What a price depends on: the call at hand, or any call.
  enum class Extent : uint8_t { this_call, any_call };
  std::expected<Quote, Refusal> quote_by_price(const ToolPrice& price, std::string_view rule,
                                               const Call& call, Extent extent) const;
  std::expected<Quote, Refusal> quote_units(const PricedModel& model, const Call& call) const;
  std::expected<Quote, Refusal> quote_batch(const Call& call) const;
  std::expected<Quote, Refusal> quote_exact_path(const Call& call) const;
  std::expected<Quote, Refusal> quote_model(const PricedModel& model, const Call& call) const;
  std::expected<Quote, Refusal> quote_tool(const Call& call, std::string_view token_name,
                                           bool approved, Extent extent = Extent::this_call) const;
  std::expected<Quote, Refusal> quote_priced(const Call& call, const ToolVerdict& own,
                                             const ToolVerdict& common, const ServerRule* server,
                                             Extent extent) const;
  const ToolRule* find_priced(const TokenRules* token, const Names& names) const;
  void offer_models(std::vector<Offer>& offers, const Call& call, const Quote& quote) const;
  void offer_tools(std::vector<Offer>& offers, const Call& call, const Quote& quote,
                   std::string_view token_name) const;

  std::unique_ptr<const Tables> tables_;
};

}  // namespace satgate::tariff
