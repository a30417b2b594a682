// Errors as values. Outside bytes never meet an assertion; they meet a Result.
//
//   Result<int> parse(std::string_view text);
//   Result<void> use(std::string_view text) {
//     TRY_ASSIGN(const int n, parse(text));
//     TRY(check(n));
//     return {};
//   }
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace satgate {

// What went wrong, in a sentence that names the place and the remedy. It is written for a person;
// code that must branch on the reason uses an enum (Refusal, wire::ParseError, ...) instead.
struct Error {
  std::string message;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(std::string message) {
  return std::unexpected<Error>(Error{std::move(message)});
}

}  // namespace satgate

#define SATGATE_CONCAT_(a, b) a##b
#define SATGATE_CONCAT(a, b) SATGATE_CONCAT_(a, b)

// Returns the error of `expression` from the enclosing function, if it has one.
#define TRY(expression)                                                                 \
  do {                                                                                  \
    auto&& try_result_ = (expression);                                                  \
    if (!try_result_)                                                                   \
      return std::unexpected(std::forward<decltype(try_result_)>(try_result_).error()); \
  } while (false)

// As TRY, and on success assigns the value to the declaration `target`.
#define TRY_ASSIGN(target, expression) \
  TRY_ASSIGN_(SATGATE_CONCAT(try_value_, __LINE__), target, expression)
#define TRY_ASSIGN_(temporary, target, expression)                      \
  auto&& temporary = (expression);                                      \
  if (!temporary) return std::unexpected(std::move(temporary).error()); \
  target = std::move(*temporary)
