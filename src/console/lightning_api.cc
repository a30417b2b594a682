#include "console/lightning_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <future>

#include "base/text.h"
#include "base/time.h"
#include "flow/reconciliation.h"
#include "node/make_node.h"
#include "payment/bolt11.h"
#include "store/directory.h"
#include "store/invoice_book.h"
#include "store/purchase_book.h"
#include "store/refund_book.h"
#include "token/paid.h"

namespace satgate::console {
namespace {

constexpr size_t kListMax = 1000;
constexpr size_t kListDefault = 100;
constexpr std::chrono::seconds kPingMax{5};
constexpr int64_t kPayingSeconds = 30;
constexpr int64_t kFeeMsatMin = 10'000;
constexpr int64_t kFeeSatsMax = 1'000'000;
constexpr int64_t kReconcileSeconds = 7 * 86'400;
constexpr int64_t kAskingSeconds = 15;  // less than a client waits

std::unexpected<ApiError> nothing_sold() {
  return conflict("there is no `lightning` in the config, so nothing can be paid");
}

// The answer may come after nobody waits for it any more.
Result<std::string> ping(payment::LightningNode& node) {
  auto answer = std::make_shared<std::promise<Result<std::string>>>();
  std::future<Result<std::string>> answered = answer->get_future();
  node.ping([answer](Result<std::string> said) { answer->set_value(std::move(said)); });
  if (answered.wait_for(kPingMax) != std::future_status::ready) {
    return fail("the node does not answer");
  }
  return answered.get();
}

std::unexpected<ApiError> problem(const flow::RefundProblem& why) {
  return why.unavailable ? unavailable(why.message) : conflict(why.message);
}

Json refund_json(const store::RefundRecord& refund) {
  Json out = {{"payment_hash", to_hex(as_bytes_view(refund.payment))},
              {"token", flow::paid_token_name(refund.payment)},
              {"state", to_string(refund.state)},
              {"amount_msat", refund.amount_msat},
              {"left_msat", refund.left_msat},
              {"target_hash", to_hex(as_bytes_view(refund.target))}};
  if (refund.state == store::RefundRecord::State::paid) out["fee_msat"] = refund.fee_msat;
  if (!refund.reason.empty()) out["reason"] = refund.reason;
  return out;
}

// Nothing that would open a door.
Json purchase_json(const store::PurchaseRecord& purchase) {
  using State = store::PurchaseRecord::State;
  Json out = {{"payment_hash", to_hex(as_bytes_view(purchase.payment_hash))},
              {"state", purchase.state == State::pending     ? "pending"
                        : purchase.state == State::succeeded ? "succeeded"
                                                             : "failed"},
              {"amount_msat", purchase.amount_msat},
              {"route", purchase.route},
              {"upstream", purchase.upstream},
              {"token", purchase.buyer},
              {"scheme", purchase.scheme},
              {"created", format_rfc3339(purchase.created)}};
  if (purchase.ended) out["ended"] = format_rfc3339(*purchase.ended);
  if (purchase.state == State::pending) out["held_credits"] = money_json(purchase.held);
  if (purchase.state == State::failed) out["reason"] = purchase.reason;
  if (purchase.state == State::succeeded) {
    out["fee_msat"] = purchase.fee_msat;
    out["cost_credits"] = money_json(purchase.cost);
    out["usable"] = !purchase.spent;
  }
  return out;
}

std::expected<size_t, ApiError> read_limit(std::string_view value) {
  const auto limit = parse_uint(value);
  if (!limit || *limit == 0 || *limit > kListMax) {
    return bad_request("'limit' must be from 1 to 1000");
  }
  return *limit;
}

Json sums_json(const flow::PaymentSums& sums) {
  return {{"payments", sums.payments}, {"msat", sums.msat}};
}

Json difference_json(const flow::PaymentDifference& one) {
  return {{"kind", to_string(one.kind)},
          {"payment_hash", to_hex(as_bytes_view(one.invoice.payment_hash))},
          {"description", one.invoice.description},
          {"created", format_rfc3339(one.invoice.created)},
          {"amount_msat", one.invoice.amount_msat},
          {"here_msat", one.invoice.received_msat},
          {"node_msat", one.node_msat}};
}

std::optional<Hash256> read_hash(std::string_view hex) {
  const auto bytes = from_hex(hex);
  Hash256 hash{};
  if (!bytes || bytes->size() != hash.size()) return std::nullopt;
  std::ranges::copy(*bytes, hash.begin());
  return hash;
}

// What a satoshi is worth now, and since when that is known.
Json rate_now(const flow::Gateway& gateway) {
  const flow::Settings& settings = *gateway.settings();
  const Time now = gateway.clock.now();
  Json out = {{"source", gateway.rate ? "fetched" : "config"}};
  if (const auto nano = gateway.nano_per_sat(settings, now)) {
    out["credits_per_sat"] = format_credits(Money::nano(*nano));
  }
  if (!gateway.rate) return out;
  const payment::ExchangeRate::Status status = gateway.rate->status(now);
  if (status.is_fallback) out["source"] = "fallback";
  if (status.fetched) {
    out["fetched"] = format_rfc3339(*status.fetched);
    out["age_seconds"] = now.unix_seconds() - status.fetched->unix_seconds();
  }
  if (!status.problem.empty()) out["problem"] = status.problem;
  return out;
}

}  // namespace

Reply LightningApi::status() {
  if (!gateway_.paywall) return nothing_sold();
  payment::LightningNode& node = gateway_.paywall->node();
  Json out = {{"provider", node.provider()}, {"rate", rate_now(gateway_)}};
  const auto& lightning = gateway_.settings()->lightning;
  if (lightning) out["network"] = payment::to_string(lightning->network);
  const Result<std::string> said = ping(node);
  out["reachable"] = said.has_value();
  out[said ? "node" : "problem"] = said ? *said : said.error().message;
  return out;
}

Reply LightningApi::invoices(const Query& query) {
  size_t count = kListDefault;
  store::InvoiceBook::Filter filter;
  for (const auto& [name, value] : query) {
    if (name == "limit") {
      TRY_ASSIGN(count, read_limit(value));
    } else if (name == "paid" && (value == "true" || value == "false")) {
      filter.paid_only = value == "true";
    } else if (name == "state" && store::parse_payment_state(value)) {
      filter.state = store::parse_payment_state(value);
    } else {
      return bad_request(
          "only 'limit', 'paid' (true or false) and 'state' (open, expired, paid, used, underpaid, "
          "refunding, refunded) can be asked for");
    }
  }
  const Time now = gateway_.clock.now();
  TRY_ASSIGN(const auto invoices, available(gateway_.bank.invoices().list(count, filter, now)));
  Json out = Json::array();
  for (const store::ListedInvoice& one : invoices)
    out.push_back(shown(one, now));
  return out;
}

Reply LightningApi::purchases(const Query& query) {
  size_t count = kListDefault;
  for (const auto& [name, value] : query) {
    if (name != "limit") return bad_request("only 'limit' can be asked for");
    TRY_ASSIGN(count, read_limit(value));
  }
  TRY_ASSIGN(const auto purchases, available(gateway_.bank.purchases().list(count)));
  Json out = Json::array();
  for (const store::PurchaseRecord& purchase : purchases)
    out.push_back(purchase_json(purchase));
  return out;
}

Json LightningApi::shown(const store::ListedInvoice& one, Time now) const {
  using store::PaymentState;
  const store::InvoiceRecord& invoice = one.invoice;
  Json out = {{"payment_hash", to_hex(as_bytes_view(invoice.payment_hash))},
              {"state", to_string(one.state)},
              {"amount_msat", invoice.amount_msat},
              {"description", invoice.description},
              {"created", format_rfc3339(invoice.created)},
              {"expires", format_rfc3339(invoice.expires)}};
  if (!invoice.paid) return out;
  out["paid"] = format_rfc3339(*invoice.paid);
  out["received_msat"] = invoice.received_msat;
  out["token"] = flow::paid_token_name(invoice.payment_hash);
  if (one.state == PaymentState::refunding || one.state == PaymentState::refunded) {
    out["refund_msat"] = one.refund_msat;
    out["used_msat"] = one.used_msat;
  }
  if (one.state != PaymentState::used) return out;
  const auto token = gateway_.bank.directory().token(token::paid_token_id(invoice.payment_hash));
  if (!token || !*token || !(*token)->sale) return out;
  out["credit"] = money_json((*token)->sale->credit);
  out["spent"] = money_json(gateway_.bank.balance((*token)->account, now).spent);
  out["closed"] = (*token)->revoked || ((*token)->expires && *(*token)->expires <= now);
  return out;
}

std::expected<Hash256, ApiError> LightningApi::payment_of(const std::string& which) const {
  if (const auto hash = read_hash(which)) return *hash;
  TRY_ASSIGN(const auto token, available(gateway_.bank.directory().token_by_name(which)));
  if (!token) return not_found(fmt::format("'{}' is no payment hash and no token", which));
  if (!token->sale) return conflict(fmt::format("the token '{}' was not paid for", which));
  return token->sale->payment_hash;
}

std::expected<flow::RefundOrder, ApiError> LightningApi::read_refund(const Json& body) const {
  const auto settings = gateway_.settings();
  Fields fields(body, settings->currency);
  const std::optional<std::string> payment = fields.text("payment");
  const std::optional<std::string> bolt11 = fields.text("invoice");
  const std::optional<int64_t> fee_max = fields.whole("fee_max_sats");
  TRY(fields.finish());
  if (!payment) return bad_request("'payment' is missing: a payment hash or a paid token's name");
  if (!bolt11) return bad_request("'invoice' is missing: what the buyer wants to be paid");
  if (!gateway_.paywall || !settings->lightning) return nothing_sold();
  flow::RefundOrder order;
  auto invoice = payment::read_bolt11(*bolt11);
  if (!invoice) return bad_request(fmt::format("'invoice': {}", invoice.error().message));
  if (invoice->network != settings->lightning->network) {
    return bad_request(fmt::format("'invoice' is of {}, the node of {}",
                                   payment::to_string(invoice->network),
                                   payment::to_string(settings->lightning->network)));
  }
  if (!invoice->amount_msat) return bad_request("'invoice' must ask for an amount");
  if (invoice->expires() <= later(gateway_.clock.now(), kPayingSeconds)) {
    return bad_request("'invoice' has expired, or is about to");
  }
  TRY_ASSIGN(order.payment, payment_of(*payment));
  TRY_ASSIGN(const auto own, available(gateway_.bank.invoices().find(invoice->payment_hash)));
  if (own && (own->paid || own->payment_hash == order.payment)) {
    return bad_request("'invoice' is one of this gateway's own, and is paid");
  }
  const int64_t fee_max_msat = std::max(*invoice->amount_msat / 100, kFeeMsatMin);
  if (fee_max && (*fee_max < 0 || *fee_max > kFeeSatsMax)) {
    return bad_request("'fee_max_sats' must be from 0 to 1000000");
  }
  order.fee_max_msat = fee_max ? *fee_max * 1000 : fee_max_msat;
  order.invoice = std::move(*invoice);
  order.bolt11 = *bolt11;
  return order;
}

net::Task<Reply> LightningApi::refund(const Json& body) {
  auto order = read_refund(body);
  if (!order) co_return std::unexpected(std::move(order).error());
  flow::Paywall& paywall = *gateway_.paywall;
  const auto refund = co_await paywall.refunds().refund(paywall.node(), std::move(*order));
  if (!refund) co_return problem(refund.error());
  co_return refund_json(*refund);
}

net::Task<Reply> LightningApi::reconcile(const Json& body) {
  Fields fields(body, gateway_.settings()->currency);
  const std::optional<std::string> since_text = fields.text("since");
  const int64_t limit = fields.whole("limit").value_or(kListMax);
  const auto known = fields.finish();
  if (!known) co_return std::unexpected(known.error());
  if (!gateway_.paywall) co_return nothing_sold();
  const Time now = gateway_.clock.now();
  const auto since = since_text ? parse_time(*since_text) : later(now, -kReconcileSeconds);
  if (!since) co_return bad_request("'since' is not a date or time");
  if (limit < 1 || limit > static_cast<int64_t>(kListMax)) {
    co_return bad_request("'limit' must be from 1 to 1000");
  }
  flow::Paywall& paywall = *gateway_.paywall;
  const flow::ReconcileQuestion question{*since, static_cast<size_t>(limit),
                                         later(now, kAskingSeconds)};
  const auto found =
      co_await flow::reconcile(gateway_.bank, gateway_.clock, paywall.node(), question);
  if (!found) co_return unavailable(found.error().message);
  const auto pending = gateway_.bank.refunds().pending();
  if (!pending) co_return unavailable(pending.error().message);
  Json refunds = Json::array();
  for (const store::RefundRecord& one : *pending) {
    const auto settled = co_await paywall.refunds().settle(paywall.node(), one);
    if (settled) refunds.push_back(refund_json(*settled));
  }
  Json out = {{"since", format_rfc3339(*since)},
              {"agree", found->agrees()},
              {"asked", found->asked},
              {"failed", found->failed},
              {"cut", found->cut},
              {"here", sums_json(found->here)},
              {"node", sums_json(found->node)}};
  if (!found->problem.empty()) out["problem"] = found->problem;
  Json differences = Json::array();
  for (const flow::PaymentDifference& one : found->differences)
    differences.push_back(difference_json(one));
  out["differences"] = std::move(differences);
  out["refunds"] = std::move(refunds);
  co_return out;
}

Reply LightningApi::settle(const Json& body) {
  Fields fields(body, gateway_.settings()->currency);
  const std::optional<std::string> invoice = fields.text("invoice");
  TRY(fields.finish());
  if (!invoice) return bad_request("'invoice' is missing: the text of one of this gateway");
  if (!gateway_.paywall) return nothing_sold();
  node::DevWallet* wallet = node::dev_wallet(gateway_.paywall->node());
  if (wallet == nullptr) {
    return conflict("only the wallet `dev` can be told that it was paid; pay this invoice");
  }
  const Result<Hash256> preimage = wallet->settle(std::string_view(*invoice));
  if (!preimage) return bad_request(preimage.error().message);
  return Json{{"preimage", to_hex(as_bytes_view(*preimage))}};
}

}  // namespace satgate::console
