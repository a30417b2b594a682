#include "contract/mode.h"

#include <utility>

#include "base/text.h"

namespace satgate {

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::observe:
      return "observe";
    case Mode::control:
      return "control";
    case Mode::charge:
      return "charge";
  }
  std::unreachable();
}

std::optional<Mode> parse_mode(std::string_view text) {
  const std::string word = lowercase(text);
  if (word == "observe" || word == "fiat") return Mode::observe;
  if (word == "control" || word == "fiat402") return Mode::control;
  if (word == "charge" || word == "l402") return Mode::charge;
  return std::nullopt;
}

std::string_view to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::http:
      return "http";
    case Protocol::openai:
      return "openai";
    case Protocol::anthropic:
      return "anthropic";
    case Protocol::mcp:
      return "mcp";
  }
  std::unreachable();
}

}  // namespace satgate
