#include "flow/shown_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace satgate::flow {
namespace {

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// How many bytes the first character has, as far as it is one.
size_t first_size(std::string_view text) {
  size_t size = 1;
  while (size < text.size() && size < 4 && continues(text[size]))
    ++size;
  return size;
}

unsigned code_of(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  const size_t size = character.size();
  unsigned code = size == 1 ? first : first & (0xffu >> (size + 1));
  for (const char c : character.substr(1))
    code = (code << 6) | (static_cast<unsigned char>(c) & 0x3fu);
  return code;
}

// Controls (C1 and DEL; JSON has no others), directions, joiners, blanks of no width, tags.
bool misleads(unsigned code) {
  return (code >= 0x7f && code <= 0x9f) || code == 0xad || code == 0x61c || code == 0x180e ||
         (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
         (code >= 0xfff9 && code <= 0xfffb) || code >= 0xe0000;
}

}  // namespace

std::string shown_text(std::string_view text, size_t bytes_max) {
  std::string out;
  while (!text.empty() && out.size() < bytes_max) {
    const std::string_view character = text.substr(0, first_size(text));
    const unsigned code = code_of(character);
    if (misleads(code)) {
      out += fmt::format("\\u{{{:x}}}", code);
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
  if (!text.empty()) out += fmt::format(" ... {} bytes more", text.size());
  return out;
}

}  // namespace satgate::flow
