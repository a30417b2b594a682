// Whatever a client sends: reading it must not fail hard, and a message that is taken must come out
// of the gateway as JSON that says the same to the next reader.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "dialect/mcp/catalogue.h"
#include "dialect/mcp/message.h"
#include "dialect/mcp/page_cursor.h"
#include "dialect/mcp/reply.h"
#include "dialect/mcp/version.h"

namespace {

using namespace satgate::dialect::mcp;

void require(bool truth) {
  if (!truth) std::abort();
}

void forward(const Message& message, RawJson& json) {
  const auto call = read_tool_call(message.params, json);
  if (!call) return;
  std::string params;
  if (!append_params(params, message.params, {.name = "priced", .progress_token = "1"}, json)) {
    return;
  }
  std::string text;
  append_request(text, "1", message.method, params);
  RawJson next;
  const auto envelope = read_envelope(text, next);
  require(envelope && envelope->messages.size() == 1);
  const auto members = next.members(envelope->messages[0].params);
  require(members.has_value());
  size_t names = 0;
  for (const RawMember& m : *members) {
    if (m.key == "name") require(++names == 1 && m.value == "\"priced\"");
    if (m.key == "arguments" && m.value != "null") require(m.value == call->arguments);
  }
  require(names == 1);
}

void read_rounds(const Message& message, RawJson& json) {
  static_cast<void>(read_round_reply(message.params, json));
  static_cast<void>(read_completion_ref(message.params, json));
  const auto filter = read_listen(message.params, json);
  if (!filter) return;
  std::string out;
  append_listen_acknowledged(out, *filter, "1");
  for (const std::string& uri : filter->uris)
    append_change(out, Change::resource, uri, "1");
}

void answer(const Message& message, RawJson& json) {
  std::string result;
  if (!append_charged_result(result, message.result, Charge{}, Era::modern, true, json)) return;
  RawJson next;
  require(next.check(result).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  RawJson json;
  if (const auto after = read_page_cursor("tools/list", text))
    require(page_cursor("tools/list", *after) == text);
  if (const auto envelope = read_envelope(text, json)) {
    for (const Message& message : envelope->messages) {
      McpHeaders headers;
      headers.protocol_version = kModernVersion;
      static_cast<void>(classify(message, headers, json));
      if (message.kind != Message::Kind::response) forward(message, json);
      read_rounds(message, json);
    }
  }
  if (const auto message = read_upstream(text, json)) {
    if (!message->result.empty()) answer(*message, json);
    if (auto page = read_tools_page(message->result, json)) {
      std::vector<ServerTools> servers;
      servers.push_back({.server = "s", .prefix = std::nullopt, .tools = std::move(page->tools)});
      const auto catalogue = Catalogue::build(std::move(servers), PrefixMode::collision);
      std::vector<Listed> listed;
      for (const auto& entry : catalogue.entries()) {
        require(catalogue.find(entry.listed_name) == &entry);
        listed.push_back(
            {.item = &entry.tool, .name = entry.listed_name, .price = satgate::Money::credits(1)});
      }
      std::string out;
      append_list(out, "tools", listed, Era::modern);
      RawJson next;
      require(next.check(out).has_value());
    }
  }
  return 0;
}
