// lightning status, invoices, purchases, reconcile, refund, pay; decode is in lightning_decode.cc.
#include <fmt/format.h>

#include "app/commands/admin_client.h"
#include "app/commands/command.h"
#include "app/commands/describe.h"
#include "app/commands/flags.h"
#include "app/commands/lightning_decode.h"
#include "app/commands/table.h"
#include "base/text.h"
#include "base/time.h"

namespace satgate::app {
namespace {

struct InvoiceFlags {
  bool paid = false;
  std::string state;
  std::string limit = "100";
};

struct PurchaseFlags {
  std::string limit = "100";
};

struct ReconcileFlags {
  std::string since = "7d";
  std::string limit = "1000";
};

struct RefundFlags {
  std::string payment, invoice, fee_max;
};

struct PayFlags {
  std::string invoice;
};

void declare_invoices(CLI::App& command, InvoiceFlags& flags) {
  command.add_flag("--paid", flags.paid, "only those that were paid");
  command.add_option("--state", flags.state, "only these")
      ->check(
          CLI::IsMember({"open", "expired", "paid", "used", "underpaid", "refunding", "refunded"}));
  add_text(command, "--limit", flags.limit, "how many, the newest first");
}

void declare_purchases(CLI::App& command, PurchaseFlags& flags) {
  add_text(command, "--limit", flags.limit, "how many, the newest first");
}

void declare_reconcile(CLI::App& command, ReconcileFlags& flags) {
  add_moment(command, "--since", flags.since, "invoices made from then on; default 7d");
  add_count(command, "--limit", flags.limit, "how many, the newest first, at most 1000");
}

void declare_refund(CLI::App& command, RefundFlags& flags) {
  add_text(command, "payment,--payment", flags.payment, "payment hash, or name of a paid token")
      ->required();
  add_text(command, "--invoice", flags.invoice, "of the buyer, with an amount: lnbc...")
      ->required();
  add_count(command, "--fee-max", flags.fee_max,
            "satoshis that the way may cost; default 1%, at least 10");
}

void declare_pay(CLI::App& command, PayFlags& flags) {
  add_text(command, "invoice,--invoice", flags.invoice, "of the WWW-Authenticate of a 402")
      ->required();
}

// "0.0006 credits, fetched 12 s ago"
std::string describe_rate(const Json& rate) {
  if (!rate.contains("credits_per_sat")) return "not known now: nothing is sold";
  std::string text = printable_at(rate, "credits_per_sat") + " credits";
  const bool is_fallback = rate.value("source", "") == "fallback";
  if (is_fallback) text += ", the fallback";
  if (!rate.contains("age_seconds")) return text;
  return text + fmt::format(", {}fetched {} s ago", is_fallback ? "last " : "",
                            rate.value("age_seconds", int64_t{0}));
}

Outcome run_status(const Context& context, const NoFlags&) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json status, client.get("lightning"));
  if (context.json) {
    print_json(status);
    return {};
  }
  Facts facts;
  facts.add("provider", printable_at(status, "provider"));
  facts.add("network", printable_at(status, "network"));
  const bool reachable = status.value("reachable", false);
  facts.add(reachable ? "node" : "problem", printable_at(status, reachable ? "node" : "problem"));
  const Json rate = status.value("rate", Json::object());
  facts.add("a satoshi", describe_rate(rate));
  if (rate.contains("problem")) facts.add("its problem", printable_at(rate, "problem"));
  fmt::print("{}", facts.text());
  return {};
}

// How much of a payment was used, or came, or went back.
std::string used_of(const Json& invoice) {
  const std::string state = printable_at(invoice, "state");
  if (state == "used") {
    const bool closed = invoice.value("closed", false);
    return fmt::format("{} of {}{}", number_at(invoice, "spent"), number_at(invoice, "credit"),
                       closed ? ", over" : "");
  }
  if (state == "underpaid") return sats_at(invoice, "received_msat") + " sats came";
  if (state != "refunding" && state != "refunded") return "";
  return fmt::format("{} sats, {} back", sats_at(invoice, "used_msat"),
                     sats_at(invoice, "refund_msat"));
}

Outcome run_invoices(const Context& context, const InvoiceFlags& flags) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  Query query = {{"limit", flags.limit}};
  if (flags.paid) query.emplace_back("paid", "true");
  if (!flags.state.empty()) query.emplace_back("state", flags.state);
  TRY_ASSIGN(const Json invoices, client.get("lightning/invoices", query));
  if (context.json) {
    print_json(invoices);
    return {};
  }
  Table table({{"CREATED"}, {"STATE"}, {"MSAT"}, {"FOR"}, {"TOKEN"}, {"USED"}});
  for (const Json& one : invoices) {
    table.row({printable_at(one, "created"), printable_at(one, "state"),
               fmt::format("{}", one.value("amount_msat", int64_t{0})),
               printable_at(one, "description"),
               one.contains("token") ? printable_at(one, "token") : "", used_of(one)});
  }
  print_rows(context, table, "There is no such invoice.");
  return {};
}

Outcome run_purchases(const Context& context, const PurchaseFlags& flags) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json purchases, client.get("lightning/purchases", {{"limit", flags.limit}}));
  if (context.json) {
    print_json(purchases);
    return {};
  }
  Table table({{"CREATED"}, {"STATE"}, {"MSAT"}, {"FEE"}, {"UPSTREAM"}, {"TOKEN"}, {"PAYMENT"}});
  for (const Json& one : purchases) {
    table.row({printable_at(one, "created"), printable_at(one, "state"),
               fmt::format("{}", one.value("amount_msat", int64_t{0})),
               one.contains("fee_msat") ? fmt::format("{}", one.value("fee_msat", int64_t{0})) : "",
               printable_at(one, "upstream"), printable_at(one, "token"),
               printable_at(one, "payment_hash")});
  }
  print_rows(context, table, "Nothing was bought.");
  return {};
}

Outcome run_pay(const Context& context, const PayFlags& flags) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json paid, client.post("lightning/settle", {{"invoice", flags.invoice}}));
  if (context.json) {
    print_json(paid);
  } else {
    fmt::print("{}\n", printable_at(paid, "preimage"));
  }
  return {};
}

std::string sums_text(const Json& sums) {
  return fmt::format("{} sats in {} payments", sats_at(sums, "msat"), number_at(sums, "payments"));
}

void print_refund(const Json& refund) {
  fmt::print("{} sats of {}: {}\n", sats_at(refund, "amount_msat"), printable_at(refund, "token"),
             printable_at(refund, "state"));
  if (refund.contains("reason")) fmt::print("  {}\n", printable_at(refund, "reason"));
}

void print_reconciliation(const Context& context, const Json& found) {
  Table table({{"WHAT"}, {"PAYMENT"}, {"ASKED"}, {"HERE"}, {"AT THE NODE"}, {"FOR"}});
  for (const Json& one : found.value("differences", Json::array())) {
    table.row({printable_at(one, "kind"), printable_at(one, "payment_hash"),
               sats_at(one, "amount_msat"), sats_at(one, "here_msat"), sats_at(one, "node_msat"),
               printable_at(one, "description")});
  }
  if (!table.empty()) fmt::print("{}\n", table.text(context.colour));
  for (const Json& refund : found.value("refunds", Json::array()))
    print_refund(refund);
  Facts facts;
  facts.add("invoices", number_at(found, "asked"));
  facts.add("noted here", sums_text(found.value("here", Json::object())));
  facts.add("at the node", sums_text(found.value("node", Json::object())));
  if (found.value("cut", false)) facts.add("cut", "there are more: ask for less time");
  if (found.contains("problem")) facts.add("problem", printable_at(found, "problem"));
  fmt::print("{}", facts.text());
}

Outcome run_reconcile(const Context& context, const ReconcileFlags& flags) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  const auto since = parse_moment(flags.since, now());
  const Json body = {{"since", format_rfc3339(since.value_or(now()), true)},
                     {"limit", parse_uint(flags.limit).value_or(0)}};
  TRY_ASSIGN(const Json found, client.post("lightning/reconcile", body));
  if (context.json) {
    print_json(found);
  } else {
    print_reconciliation(context, found);
  }
  const bool agree = found.value("agree", false);
  if (agree) return {};
  return failed("the node and the invoices here do not agree");
}

Outcome run_refund(const Context& context, const RefundFlags& flags) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  Json body = {{"payment", flags.payment}, {"invoice", flags.invoice}};
  if (!flags.fee_max.empty()) body["fee_max_sats"] = parse_uint(flags.fee_max).value_or(0);
  TRY_ASSIGN(const Json refund, client.post("lightning/refunds", body));
  if (context.json) {
    print_json(refund);
  } else {
    print_refund(refund);
  }
  const std::string state = printable_at(refund, "state");
  if (state == "paid") return {};
  return failed(state == "failed"
                    ? "nothing went back: what was bought stays closed; try another invoice"
                    : "nobody knows yet whether it went back: run the same command again");
}

}  // namespace

void add_lightning_commands(CLI::App& root, Context& context) {
  CLI::App& group = add_group(root, {"lightning", "The node that is paid, and what it was paid",
                                     "satgate lightning status"});
  add_command(group, context,
              {"status", "Ask the node whether it is there", "satgate lightning status"}, no_flags,
              run_status);
  add_command(group, context,
              {"invoices", "List invoices that buyers were shown, and who has paid",
               "satgate lightning invoices --paid"},
              declare_invoices, run_invoices);
  add_command(group, context,
              {"purchases", "List what was bought of upstreams, and for whom",
               "satgate lightning purchases --limit 20"},
              declare_purchases, run_purchases);
  add_command(group, context,
              {"reconcile", "Compare what was noted here with the node, and note what was not",
               "satgate lightning reconcile --since 1d"},
              declare_reconcile, run_reconcile);
  add_command(group, context,
              {"refund", "Pay back what a buyer has not used; what was bought is closed",
               "satgate lightning refund paid-5d7e0c1a2b3c4d5e --invoice lnbc100n1..."},
              declare_refund, run_refund);
  add_command(group, context,
              {"pay", "Play the buyer of the development wallet: prints the preimage",
               "satgate lightning pay lnbcrt100n1..."},
              declare_pay, run_pay);
  add_lightning_decode(group, context);
}

}  // namespace satgate::app
