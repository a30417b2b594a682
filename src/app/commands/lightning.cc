// lightning status, invoices, pay.
#include <fmt/format.h>

#include "app/commands/admin_client.h"
#include "app/commands/command.h"
#include "app/commands/describe.h"
#include "app/commands/flags.h"
#include "app/commands/table.h"

namespace satgate::app {
namespace {

struct InvoiceFlags {
  bool paid = false;
  std::string limit = "100";
};

struct PayFlags {
  std::string invoice;
};

void declare_invoices(CLI::App& command, InvoiceFlags& flags) {
  command.add_flag("--paid", flags.paid, "only those that were paid");
  add_text(command, "--limit", flags.limit, "how many, the newest first");
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

Outcome run_invoices(const Context& context, const InvoiceFlags& flags) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  Query query = {{"limit", flags.limit}};
  if (flags.paid) query.emplace_back("paid", "true");
  TRY_ASSIGN(const Json invoices, client.get("lightning/invoices", query));
  if (context.json) {
    print_json(invoices);
    return {};
  }
  Table table({{"CREATED"}, {"STATE"}, {"MSAT"}, {"FOR"}, {"TOKEN"}});
  for (const Json& one : invoices) {
    table.row({printable_at(one, "created"), printable_at(one, "state"),
               fmt::format("{}", one.value("amount_msat", int64_t{0})),
               printable_at(one, "description"),
               one.contains("token") ? printable_at(one, "token") : ""});
  }
  print_rows(context, table, "There is no such invoice.");
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
              {"pay", "Play the buyer of the development wallet: prints the preimage",
               "satgate lightning pay lnbcrt100n1..."},
              declare_pay, run_pay);
}

}  // namespace satgate::app
