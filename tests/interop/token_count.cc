// Counts the tokens of texts on standard input, each after a line with its bytes, for
// tokens.mjs. Prints a line for each: whether the count is certain, and one by cl100k_base and one
// by o200k_base.
#include <fmt/format.h>

#include <iostream>
#include <string>

#include "base/text.h"
#include "dialect/bpe/splitter.h"
#include "dialect/bpe/tokens.h"

int main() {
  using namespace satgate::dialect::bpe;
  std::ios::sync_with_stdio(false);
  std::string line, text;
  while (std::getline(std::cin, line)) {
    const auto size = satgate::parse_uint(line);
    if (!size || *size > 1'000'000) return 1;
    text.resize(*size);
    if (!std::cin.read(text.data(), static_cast<std::streamsize>(text.size()))) return 1;
    fmt::print("{} {} {}\n", is_certain(text) ? 1 : 0, count_tokens(Vocabulary::cl100k_base, text),
               count_tokens(Vocabulary::o200k_base, text));
  }
  return 0;
}
