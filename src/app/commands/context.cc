#include "app/commands/context.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

namespace satgate::app {

Result<std::filesystem::path> choose_data_dir(const std::string& flag, const Variables& variables) {
  if (!flag.empty()) return std::filesystem::path(flag);
  const auto set = [&](std::string_view name) { return variables(name).value_or(""); };
  if (const std::string own = set("SATGATE_DATA_DIR"); !own.empty()) {
    return std::filesystem::path(own);
  }
  // The XDG specification tells to ignore a relative path.
  if (const std::string data = set("XDG_DATA_HOME"); data.starts_with('/')) {
    return std::filesystem::path(data) / "satgate";
  }
  if (const std::string home = set("HOME"); !home.empty()) {
    return std::filesystem::path(home) / ".local/share/satgate";
  }
  return fail("no data directory: set HOME or SATGATE_DATA_DIR, or give --data-dir");
}

Result<std::filesystem::path> Context::data_dir() const {
  return choose_data_dir(data_dir_flag, variable);
}

std::optional<std::string> variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

bool stdout_wants_colour() {
  return ::isatty(STDOUT_FILENO) == 1 && variable("NO_COLOR").value_or("").empty() &&
         variable("TERM").value_or("dumb") != "dumb";
}

Time now() {
  return SystemClock().now();
}

void print_json(const Json& value) {
  fmt::print("{}\n", value.dump(2, ' ', false, Json::error_handler_t::replace));
}

std::string number_text(const Json& value) {
  if (value.is_number_integer()) return value.dump();
  if (!value.is_number()) return "-";
  // Fixed notation with the nine decimals of a nano-credit; JSON would print 1e-09.
  std::string text = fmt::format("{:.9f}", value.get<double>());
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string text_at(const Json& object, std::string_view key) {
  if (!object.is_object()) return {};
  const auto found = object.find(std::string(key));
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F, the other control characters, are C2 80 to C2 9F in UTF-8.
    const bool second_set = c == 0xc2 && i + 1 < text.size() &&
                            static_cast<unsigned char>(text[i + 1]) >= 0x80 &&
                            static_cast<unsigned char>(text[i + 1]) <= 0x9f;
    if (c < 0x20 || c == 0x7f || second_set) {
      out += '?';
      if (second_set) ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace satgate::app
