// A fault is something that broke, as opposed to a refusal, which is a decision. Who is to blame,
// whether a retry is safe and whether bytes left for the upstream are fields, because they decide
// money: nothing sent -> void; something sent and the outcome unknown -> the reservation is
// charged.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace satgate {

struct Fault {
  enum class Source : uint8_t { client, upstream, gateway };
  enum class Retry : uint8_t { no, yes, reused_only };  // reused_only: a pooled connection had died

  Source source = Source::gateway;
  Retry retry = Retry::no;
  bool sent_upstream = false;  // at least one request byte may have reached the upstream
  int http_status = 502;       // what the client is told
  std::string message;
  std::string_view code = {};  // on the wire; empty: by its source
};

}  // namespace satgate
