#include "console/lightning_api.h"

#include <chrono>
#include <future>

#include "base/text.h"
#include "base/time.h"
#include "node/make_node.h"
#include "store/invoice_book.h"
#include "store/purchase_book.h"

namespace satgate::console {
namespace {

constexpr size_t kListMax = 1000;
constexpr size_t kListDefault = 100;
constexpr std::chrono::seconds kPingMax{5};

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

Json shown(const store::InvoiceRecord& invoice, Time now) {
  const bool is_over = !invoice.paid && invoice.expires <= now;
  Json out = {{"payment_hash", to_hex(as_bytes_view(invoice.payment_hash))},
              {"state", invoice.paid ? "paid"
                        : is_over    ? "expired"
                                     : "open"},
              {"amount_msat", invoice.amount_msat},
              {"description", invoice.description},
              {"created", format_rfc3339(invoice.created)},
              {"expires", format_rfc3339(invoice.expires)}};
  if (invoice.paid) {
    out["paid"] = format_rfc3339(*invoice.paid);
    out["received_msat"] = invoice.received_msat;
    out["token"] = flow::paid_token_name(invoice.payment_hash);
  }
  return out;
}

// Nothing that would open a door.
Json shown(const store::PurchaseRecord& purchase) {
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

}  // namespace

Reply LightningApi::status() {
  if (!gateway_.paywall) return nothing_sold();
  payment::LightningNode& node = gateway_.paywall->node();
  Json out = {{"provider", node.provider()}};
  const auto& lightning = gateway_.settings()->lightning;
  if (lightning) out["network"] = payment::to_string(lightning->network);
  const Result<std::string> said = ping(node);
  out["reachable"] = said.has_value();
  out[said ? "node" : "problem"] = said ? *said : said.error().message;
  return out;
}

Reply LightningApi::invoices(const Query& query) {
  size_t count = kListDefault;
  bool paid_only = false;
  for (const auto& [name, value] : query) {
    if (name == "limit") {
      TRY_ASSIGN(count, read_limit(value));
    } else if (name == "paid" && (value == "true" || value == "false")) {
      paid_only = value == "true";
    } else {
      return bad_request("only 'limit' and 'paid' (true or false) can be asked for");
    }
  }
  TRY_ASSIGN(const auto invoices, available(gateway_.bank.invoices().list(count, paid_only)));
  Json out = Json::array();
  for (const store::InvoiceRecord& invoice : invoices)
    out.push_back(shown(invoice, gateway_.clock.now()));
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
    out.push_back(shown(purchase));
  return out;
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
