// status, version.
#include <fmt/format.h>

#include "app/commands/admin_client.h"
#include "app/commands/command.h"
#include "app/commands/describe.h"
#include "app/commands/table.h"
#include "tariff/prices.h"

namespace satgate::app {
namespace {

std::string yes_or_number(const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  return value.is_string() ? value.get<std::string>() : number_text(value);
}

void print_upstreams(const Context& context, const Json& status) {
  Table table(
      {{"UPSTREAM"}, {"STATE"}, {"WHERE"}, {"CALLS", Align::right}, {"FAULTS", Align::right}});
  for (const Json& one : status.value("upstreams", Json::array())) {
    table.row({text_at(one, "name"), text_at(one, "mode"),
               fmt::format("{}:{}", text_at(one, "host"), number_at(one, "port")), "", ""});
  }
  for (const Json& one : status.value("mcp_servers", Json::array())) {
    std::string remark = text_at(one, "last_error");
    if (remark.empty()) remark = "mcp over " + text_at(one, "transport");
    if (const auto held = one.value("held_back", 0); held > 0) {
      remark += fmt::format("; {} held back, see 'satgate definitions list'",
                            held == 1 ? "1 tool" : fmt::format("{} tools", held));
    }
    table.row({text_at(one, "name"), text_at(one, "state"), std::move(remark),
               number_at(one, "calls"), number_at(one, "faults")});
  }
  if (!table.empty()) fmt::print("\n{}", table.text(context.colour));
}

Outcome run_status(const Context& context, const NoFlags&) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json status, client.get("status"));
  if (context.json) {
    print_json(status);
    return {};
  }
  Facts facts;
  for (const auto& [name, value] : status.items()) {
    if (!value.is_structured()) facts.add(name, yes_or_number(value));
  }
  fmt::print("{}", facts.text());
  print_upstreams(context, status);
  return {};
}

Outcome run_version(const Context& context, const NoFlags&) {
  if (context.json) {
    print_json({{"version", SATGATE_VERSION}, {"model_prices", tariff::builtin_prices_date()}});
  } else {
    fmt::print("satgate {}\nmodel prices of {}\n", SATGATE_VERSION, tariff::builtin_prices_date());
  }
  return {};
}

}  // namespace

void add_status_commands(CLI::App& root, Context& context) {
  add_command(root, context, {"status", "What the running gateway does", "satgate status"},
              no_flags, run_status);
  add_command(root, context,
              {"version", "Print the version and the date of the model prices", "satgate version"},
              no_flags, run_version);
}

}  // namespace satgate::app
