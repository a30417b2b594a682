// Hostile relays, and what they may hand on: no crash, and an event that is believed is signed.
#include <string>
#include <string_view>

#include "base/assert.h"
#include "node/nostr_cipher.h"
#include "node/nwc_uri.h"
#include "node/relay_message.h"

using namespace satgate;
using namespace satgate::node;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto message = read_relay_message(text);
      message && message->kind == RelayMessage::Kind::event) {
    const auto again = read_event(Json::parse(write_json(write_event(message->event))));
    RELEASE_ASSERT(again && event_id(*again) == message->event.id);
  }
  if (const auto connection = read_nwc_uri(text)) RELEASE_ASSERT(!connection->relays.empty());
  for (const NostrScheme scheme : {NostrScheme::nip04, NostrScheme::nip44}) {
    const NostrCipher cipher(scheme, Hash256{});
    static_cast<void>(cipher.decrypt(text));
    if (text.empty() || text.size() > 65'535) continue;
    const auto sealed = cipher.encrypt(text);
    RELEASE_ASSERT(sealed && cipher.decrypt(*sealed).value_or("") == text);
  }
  return 0;
}
