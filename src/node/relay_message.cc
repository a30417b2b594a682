#include "node/relay_message.h"

namespace satgate::node {
namespace {

std::string text_of(const Json& array, size_t index) {
  if (index >= array.size() || !array[index].is_string()) return {};
  return array[index].get_ref<const std::string&>();
}

}  // namespace

Result<RelayMessage> read_relay_message(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_array() || json.empty() || !json[0].is_string()) {
    return fail("the relay sent what is no message of nostr");
  }
  const std::string& name = json[0].get_ref<const std::string&>();
  RelayMessage message;
  message.subject = text_of(json, 1);
  if (name == "EVENT") {
    if (json.size() < 3) return fail("the relay sent an event that is none");
    message.kind = RelayMessage::Kind::event;
    TRY_ASSIGN(message.event, read_event(json[2]));
  } else if (name == "OK") {
    const bool is_taken = json.size() > 2 && json[2].is_boolean() && json[2].get<bool>();
    message.kind = is_taken ? RelayMessage::Kind::taken : RelayMessage::Kind::refused;
    message.text = text_of(json, 3);
  } else if (name == "EOSE") {
    message.kind = RelayMessage::Kind::all_sent;
  } else if (name == "CLOSED") {
    message.kind = RelayMessage::Kind::closed;
    message.text = text_of(json, 2);
  } else {
    message.text = message.subject;
  }
  return message;
}

}  // namespace satgate::node
