// Any bytes as a config: each is either frozen into settings or refused with reasons, never both,
// never neither; reading it twice gives the same; and what is printed of it holds no secret. What
// follows a line `%%` is the template t@1, and naming that in an entry changes nothing else.
#include <cstdint>
#include <string>
#include <string_view>

#include "app/config/config.h"
#include "app/config/policy_edit.h"
#include "base/assert.h"

using namespace satgate;
using namespace satgate::app;

namespace {

constexpr std::string_view kSecret = "a-secret-nobody-prints";

Sources fuzz_sources(const std::string& fragment) {
  Sources sources;
  sources.environment = [](std::string_view name) -> std::optional<std::string> {
    if (name.starts_with("SECRET")) return std::string(kSecret);
    return std::nullopt;
  };
  sources.read_file = [&fragment](const std::string& path) -> Result<std::string> {
    if (path == "policies/t@1.yaml") return fragment;
    if (path == "secret") return std::string(kSecret);
    return fail("cannot read the file");
  };
  return sources;
}

void check_reasons(const ConfigResult& result) {
  RELEASE_ASSERT((result.settings == nullptr) == !result.errors.empty());
  for (const std::string& error : result.errors)
    RELEASE_ASSERT(error.find_first_not_of(" \n") != std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const size_t end = all.find("\n%%\n");
  const std::string_view text = all.substr(0, end);
  const std::string fragment(end == all.npos ? "" : all.substr(end + 4));
  const Sources sources = fuzz_sources(fragment);
  const ConfigResult first = parse_config(text, sources);
  check_reasons(first);
  const ConfigResult again = parse_config(text, sources);
  RELEASE_ASSERT(first.errors == again.errors && first.warnings == again.warnings);
  if (const auto edited = with_template(text, "a", "t@1", {{"n", "5"}})) {
    const auto again_edited = with_template(*edited, "a", "t@1", {{"n", "5"}});
    RELEASE_ASSERT(again_edited && *again_edited == *edited);
  }
  if (first.settings == nullptr) return 0;
  const std::string printed = print_settings(*first.settings);
  RELEASE_ASSERT(printed == print_settings(*again.settings));
  // `file:` is read for secrets alone; a variable may stand in a name or an address too.
  RELEASE_ASSERT(text.find("${SECRET") != std::string_view::npos ||
                 printed.find(kSecret) == std::string::npos);
  return 0;
}
