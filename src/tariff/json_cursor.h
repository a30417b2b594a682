// A walk over a JSON text that nothing else remembers: what a rule needs of it, as it is written.
// Numbers stay text, so that none is rounded. It is strict where it looks; whoever hands the text
// on has checked all of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace satgate::tariff {

class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : rest_(text) {}

  // The next character that is no blank; 0 at the end.
  char peek();
  // Takes it, if it is this one.
  bool take(char c);
  // A string, unescaped. Nothing: it is none, or one that UTF-8 can not say.
  std::optional<std::string> string();
  // A number or a word, as it is written; empty: neither.
  std::string_view scalar();

 private:
  bool escape(std::string& out);
  std::optional<unsigned> unit();

  std::string_view rest_;
};

}  // namespace satgate::tariff
