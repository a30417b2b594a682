#include "console/pages.h"

#include <algorithm>
#include <array>

// clang-format off
#define SATGATE_EMBED(name, file)                                             \
  asm(".pushsection .rodata\n"                                                \
      ".global satgate_web_" #name "\n"                                       \
      "satgate_web_" #name ":\n"                                              \
      ".incbin \"" SATGATE_WEB "/" file "\"\n"                                \
      ".global satgate_web_" #name "_end\n"                                   \
      "satgate_web_" #name "_end:\n"                                          \
      ".popsection\n");                                                       \
  extern "C" const char satgate_web_##name[], satgate_web_##name##_end[]
#define SATGATE_TEXT(name) {satgate_web_##name, satgate_web_##name##_end}
// clang-format on
SATGATE_EMBED(index, "index.html");
SATGATE_EMBED(approvals, "approvals.html");
SATGATE_EMBED(approvals_script, "approvals.js");
SATGATE_EMBED(admin_script, "admin.js");
SATGATE_EMBED(text_script, "text.js");
SATGATE_EMBED(style, "console.css");
SATGATE_EMBED(icon, "icon.svg");

namespace satgate::console {
namespace {

constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kScript = "text/javascript; charset=utf-8";

const std::array kPages = {
    Page{"/", kHtml, SATGATE_TEXT(index)},
    Page{"/approvals", kHtml, SATGATE_TEXT(approvals)},
    Page{"/approvals.js", kScript, SATGATE_TEXT(approvals_script)},
    Page{"/admin.js", kScript, SATGATE_TEXT(admin_script)},
    Page{"/text.js", kScript, SATGATE_TEXT(text_script)},
    Page{"/console.css", "text/css; charset=utf-8", SATGATE_TEXT(style)},
    Page{"/icon.svg", "image/svg+xml", SATGATE_TEXT(icon)},
};

}  // namespace

std::optional<Page> find_page(std::string_view path) {
  const auto found = std::ranges::find(kPages, path, &Page::path);
  if (found == kPages.end()) return std::nullopt;
  return *found;
}

}  // namespace satgate::console
