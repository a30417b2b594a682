// What every command is given: the data directory, how to print, and how it may fail.
#pragma once

#include <expected>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace satgate::app {

using Json = nlohmann::ordered_json;

inline constexpr int kExitFailed = 1;
inline constexpr int kExitWrongUse = 2;

struct Failure {
  // Every failure is one of these, so that TRY works with functions that return a Result.
  Failure(Error error) : message(std::move(error.message)) {}  // NOLINT: meant to convert
  explicit Failure(std::string text, int code = kExitFailed)
      : message(std::move(text)), exit_code(code) {}

  std::string message;  // for stderr; empty: everything was said already
  int exit_code = kExitFailed;
  bool no_gateway = false;  // nothing answers at this data directory
};

template <class T>
using Expected = std::expected<T, Failure>;
using Outcome = Expected<void>;

inline std::unexpected<Failure> failed(std::string message) {
  return std::unexpected(Failure(std::move(message)));
}
inline std::unexpected<Failure> wrong_use(std::string message) {
  return std::unexpected(Failure(std::move(message), kExitWrongUse));
}

using Variables = std::function<std::optional<std::string>(std::string_view)>;

// The data directory: the flag, else SATGATE_DATA_DIR, else $XDG_DATA_HOME/satgate, else
// ~/.local/share/satgate.
Result<std::filesystem::path> choose_data_dir(const std::string& flag, const Variables& variables);

struct Context {
  std::string data_dir_flag;
  bool json = false;
  bool colour = false;              // stdout is a terminal, and NO_COLOR is not set
  std::function<Outcome()> action;  // what the command line asks for

  Result<std::filesystem::path> data_dir() const;
};

// Environment of this process.
std::optional<std::string> variable(std::string_view name);
bool stdout_wants_colour();

Time now();

void print_json(const Json& value);  // indented, on stdout

// "4.5", "25", "0.000000001": a number of the admin API as people write amounts. "-" for none.
std::string number_text(const Json& value);

// A member of an object as text; empty when it is missing or something else.
std::string text_at(const Json& object, std::string_view key);

// What an agent or an upstream wrote must not steer a terminal: control characters become "?".
std::string printable(std::string_view text);

}  // namespace satgate::app
