#include "app/commands/lightning_decode.h"

#include <fmt/format.h>

#include "app/commands/flags.h"
#include "app/commands/table.h"
#include "base/text.h"
#include "payment/bolt11.h"

namespace satgate::app {
namespace {

struct DecodeFlags {
  std::string invoice;
};

void declare_decode(CLI::App& command, DecodeFlags& flags) {
  add_text(command, "invoice,--invoice", flags.invoice, "BOLT 11, of any network")->required();
}

Json shown(const payment::Bolt11& invoice) {
  Json out = {{"network", payment::to_string(invoice.network)}};
  if (invoice.amount_msat) out["amount_msat"] = *invoice.amount_msat;
  out["description"] = invoice.description;
  if (invoice.description_hash) {
    out["description_hash"] = to_hex(as_bytes_view(*invoice.description_hash));
  }
  out["payment_hash"] = to_hex(as_bytes_view(invoice.payment_hash));
  out["payee"] = invoice.payee;
  out["created"] = format_rfc3339(invoice.created);
  out["expires"] = format_rfc3339(invoice.expires());
  out["min_final_cltv"] = invoice.min_final_cltv;
  return out;
}

Outcome run_decode(const Context& context, const DecodeFlags& flags) {
  TRY_ASSIGN(const payment::Bolt11 invoice, payment::read_bolt11(flags.invoice));
  const Json json = shown(invoice);
  if (context.json) {
    print_json(json);
    return {};
  }
  Facts facts;
  for (const auto& [name, value] : json.items()) {
    facts.add(name, value.is_string() ? printable(value.get_ref<const std::string&>())
                                      : fmt::format("{}", value.get<int64_t>()));
  }
  if (!invoice.amount_msat) facts.add("amount_msat", "any: the payer chooses");
  fmt::print("{}", facts.text());
  return {};
}

}  // namespace

void add_lightning_decode(CLI::App& lightning_group, Context& context) {
  add_command(lightning_group, context,
              {"decode", "What an invoice says; fails if it is none, or not signed",
               "satgate lightning decode lnbc100n1..."},
              declare_decode, run_decode);
}

}  // namespace satgate::app
