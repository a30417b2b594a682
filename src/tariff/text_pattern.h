// A regular expression of the config, to be matched against all of a text from outside.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace satgate::tariff {

class TextPattern {
 public:
  // PCRE2 with Unicode. Fails with the library's own sentence.
  static Result<TextPattern> compile(const std::string& pattern);

  // Whether all of `text` matches. A text that takes too long, or is not UTF-8, does not. Any
  // thread.
  bool matches(std::string_view text) const;

 private:
  struct Free {
    void operator()(void* code) const;
  };
  std::unique_ptr<void, Free> code_;
};

}  // namespace satgate::tariff
