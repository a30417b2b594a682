// The console: what is in web/, embedded in the binary. Its pages know nothing; what they show they
// ask of the admin API, with the token that a person gives them.
#pragma once

#include <optional>
#include <string_view>

namespace satgate::console {

struct Page {
  std::string_view path, type, body;
};

std::optional<Page> find_page(std::string_view path);

// Nothing from elsewhere, no script in a page, in no frame, and no text becomes markup: arguments
// of agents are shown here.
inline constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

}  // namespace satgate::console
