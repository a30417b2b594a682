// keys list, rotate, retire.
#include <fmt/format.h>

#include "app/commands/admin_client.h"
#include "app/commands/command.h"
#include "app/commands/flags.h"
#include "app/commands/table.h"

namespace satgate::app {
namespace {

void print_keys(const Context& context, const Json& keys) {
  if (context.json) {
    print_json(keys);
    return;
  }
  Table table({{"KEY"}, {"CREATED"}, {"USE"}});
  for (const Json& key : keys) {
    table.row({text_at(key, "id"), text_at(key, "created"),
               key.value("active", false) ? "mints and verifies" : "verifies"});
  }
  fmt::print("{}", table.text(context.colour));
}

Outcome run_list(const Context& context, const NoFlags&) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json keys, client.get("keys"));
  print_keys(context, keys);
  return {};
}

Outcome run_rotate(const Context& context, const NoFlags&) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json keys, client.post("keys/rotate", Json::object()));
  print_keys(context, keys);
  return {};
}

struct RetireFlags {
  std::string id;
};

void declare_retire(CLI::App& command, RetireFlags& flags) {
  add_text(command, "key", flags.id, "id of the key, as 'satgate keys list' prints it")->required();
}

Outcome run_retire(const Context& context, const RetireFlags& flags) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json keys, client.remove(resource("keys", flags.id)));
  print_keys(context, keys);
  return {};
}

}  // namespace

void add_key_commands(CLI::App& root, Context& context) {
  CLI::App& group = add_group(root, {"keys", "Root keys that sign tokens", "satgate keys rotate"});
  add_command(group, context, {"list", "List root keys", "satgate keys list"}, no_flags, run_list);
  add_command(
      group, context,
      {"rotate", "Mint with a new key from now on; older tokens stay valid", "satgate keys rotate"},
      no_flags, run_rotate);
  add_command(group, context,
              {"retire", "Remove a key, and with it every token it minted",
               "satgate keys retire 3f9a01c2d4e6"},
              declare_retire, run_retire);
}

}  // namespace satgate::app
