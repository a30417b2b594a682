// Counts the tokens of texts on standard input, each after a line with its bytes, for
// tokens.mjs. Prints a line for each: whether the count is certain, and the count, by cl100k_base
// and by o200k_base.
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
    for (const auto vocabulary : {Vocabulary::cl100k_base, Vocabulary::o200k_base}) {
      const bool certain = is_certain(vocabulary, text);
      fmt::print("{} {} ", certain ? 1 : 0, count_tokens(vocabulary, text));
    }
    fmt::print("\n");
  }
  return 0;
}
