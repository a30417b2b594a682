#include "console/lightning_api.h"

#include <chrono>
#include <future>

#include "base/text.h"
#include "base/time.h"
#include "node/make_node.h"
#include "store/invoice_book.h"

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
  bool paid_only = false;
  for (const auto& [name, value] : query) {
    if (name == "limit") {
      const auto limit = parse_uint(value);
      if (!limit || *limit == 0 || *limit > kListMax) {
        return bad_request("'limit' must be from 1 to 1000");
      }
      count = *limit;
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
