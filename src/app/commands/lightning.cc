// lightning status, invoices, pay; decode is in lightning_decode.cc.
#include <fmt/format.h>

#include "app/commands/admin_client.h"
#include "app/commands/command.h"
#include "app/commands/describe.h"
#include "app/commands/flags.h"
#include "app/commands/lightning_decode.h"
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
  add_lightning_decode(group, context);
}

}  // namespace satgate::app
