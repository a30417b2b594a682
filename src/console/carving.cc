// `mint`: a child of a token, with a budget carved out of its parent's.
#include <fmt/format.h>

#include <limits>

#include "console/token_api.h"
#include "console/token_fields.h"
#include "flow/account_path.h"
#include "token/mint.h"

namespace satgate::console {

// The parent as it verifies, with its text and its root's record.
struct TokenApi::Parent {
  std::string text;
  VerifiedToken token;
  std::shared_ptr<const TokenRecord> root;
};

std::expected<TokenApi::Parent, ApiError> TokenApi::find_parent(token::Verifier& verifier,
                                                                std::string text, Time now) {
  store::Directory& directory = gateway_.bank.directory();
  // An administrator may name a root token; its text is made again from its record.
  TRY_ASSIGN(const auto named, available(directory.token_by_name(text)));
  if (named && !named->parent) {
    TRY_ASSIGN(text, text_of(*named));
  }
  std::string why;
  auto verified = verifier.verify(text, &why);
  if (!verified) {
    return std::unexpected(ApiError{401, std::string(code(verified.error())),
                                    fmt::format("the parent token does not verify: {}", why)});
  }
  TRY_ASSIGN(const auto root, available(directory.token(verified->token())));
  if (!root) return not_found("the parent token was not minted by this gateway");
  const auto token_revoked = [&](const TokenId&) { return root->revoked; };
  const auto point_revoked = [&](const AccountId& p) { return directory.is_revoked(p); };
  auto stale = token::judge_revocation(*verified, token_revoked, point_revoked);
  if (!stale) stale = token::judge_time(*verified, now);
  if (stale) {
    return std::unexpected(ApiError{401, std::string(code(*stale)), "the parent token has ended"});
  }
  return Parent{std::move(text), std::move(*verified), root};
}

// Moves the budget; nothing has changed when it fails.
std::expected<void, ApiError> TokenApi::carve(const Parent& parent, const TokenRecord& child,
                                              Time now) {
  Path path;
  flow::BudgetLine keep;
  if (!flow::add_token_accounts(path, parent.token, *parent.root, now) ||
      !flow::add_budget_accounts(path, *parent.root, gateway_.bank.directory(), keep)) {
    return std::unexpected(
        ApiError{403, "depth_exceeded", "the parent has too many accounts above it"});
  }
  auto carved = gateway_.bank.carve(path, *child.carved_account, child.carved, now);
  if (carved) return {};
  if (const auto* down = std::get_if<store::Unavailable>(&carved.error())) {
    return unavailable(down->reason);
  }
  const auto& misfit = std::get<ledger::Misfit>(carved.error());
  const ledger::Balance used = gateway_.bank.balance(*child.carved_account, now);
  if (used.spent + used.held != Money()) {
    return conflict("a token just like this one was used before; choose another holder");
  }
  return std::unexpected(
      ApiError{402, std::string(code(misfit.refusal)),
               fmt::format("'{}' has {} credits left to hand down, and {} were asked for",
                           path.entries()[misfit.entry].label, format_credits(misfit.remaining),
                           format_credits(child.carved))});
}

Reply TokenApi::mint_child(const Json& body) {
  Fields fields(body, currency());
  const Time now = gateway_.clock.now();
  const std::optional<std::string> parent_text = fields.text("parent");
  const std::optional<Money> budget = fields.amount("budget");
  const std::optional<std::string> holder = fields.text("holder");
  Narrowing narrowing = read_narrowing(fields);
  TRY(fields.finish());
  if (!parent_text) return bad_request("'parent' is missing: the token to carve from");
  if (!budget || budget->is_zero()) return bad_request("'budget' is missing, or zero");
  TRY(check_name(holder));
  store::Directory& directory = gateway_.bank.directory();
  TRY_ASSIGN(const auto taken, available(directory.token_by_name(*holder)));
  if (taken) {
    return conflict(fmt::format("there is a token '{}' already; choose another holder", *holder));
  }
  narrowing.holder = *holder;
  narrowing.budget_max = *budget;
  auto caveats = caveats_of(narrowing, now);
  if (!caveats) return bad_request(caveats.error().message);

  token::Verifier verifier(gateway_.keyring(), currency());
  TRY_ASSIGN(const Parent parent, find_parent(verifier, *parent_text, now));
  auto text = token::attenuate(parent.text, *caveats, currency());
  if (!text) return bad_request(text.error().message);
  std::string why;
  auto child = verifier.verify(*text, &why);
  if (!child) {
    return std::unexpected(ApiError{403, std::string(code(child.error())),
                                    fmt::format("this child would not verify: {}", why)});
  }
  TokenRecord record = child_record(parent, *child, narrowing, now);
  record.caveats = std::move(*caveats);
  TRY(carve(parent, record, now));
  const std::string detail =
      fmt::format("carved {} credits from {}", format_credits(*budget), parent.root->name);
  auto stored = note(EventKind::mint, record, detail);
  if (stored) {
    if (auto added = directory.add_token(record); !added) stored = conflict(added.error().message);
  }
  if (!stored) {
    gateway_.bank.close_carve(*record.carved_account);
    return std::unexpected(stored.error());
  }
  note_lineage(parent, record, child->chain());
  carved_.add(record, child->chain());
  return describe_with_text(std::move(*text), record);
}

// The child's place in the lineage is known from now on, used or not. What lies between the root
// and the parent was attenuated by somebody and may be seen here for the first time.
void TokenApi::note_lineage(const Parent& parent, const TokenRecord& child,
                            const TokenChain& chain) {
  const size_t minted = chain.caveats.size() - child.caveats.size();
  constexpr size_t unbounded = std::numeric_limits<size_t>::max();  // the operator asked for it
  std::string_view holder;
  for (size_t i = 0; i < chain.caveats.size(); ++i) {
    const Caveat& caveat = chain.caveats[i];
    if (caveat.key == CaveatKey::holder) holder = caveat.items.front();
    if (i < parent.root->caveats.size()) continue;
    const store::SeenPoint point{chain.points[i + 1], chain.points[i], chain.token,
                                 std::string(holder), caveat.text,     child.created};
    const bool is_new =
        gateway_.bank.directory().note_point(point, unbounded) == store::Noted::first;
    // The record tells; a failed write shows in the bank, which refuses from then on.
    if (is_new && i < minted) (void)note(EventKind::attenuate, *parent.root, caveat.text);
  }
}

TokenRecord TokenApi::child_record(const Parent& parent, const VerifiedToken& child,
                                   const Narrowing& narrowing, Time now) const {
  const TokenChain& chain = child.chain();
  TokenRecord record;
  record.id = TokenId{chain.points.back().bytes};
  record.name = *narrowing.holder;
  record.key_id = parent.root->key_id;
  record.created = now;
  record.expires = token::expires_at(child);  // an ancestor's, where that is earlier
  record.limits[Window::lifetime] = *narrowing.budget_max;
  record.budget = parent.root->budget;
  record.labels = parent.root->labels;
  record.parent = parent.root->id;
  record.carved = *narrowing.budget_max;
  // caveats_of() writes budget_max after all other budgets: its account is the last one of money.
  for (const LineageAccount& account : chain.accounts) {
    if (!account.is_rate) record.carved_account = account.account;
  }
  return record;
}

}  // namespace satgate::console
