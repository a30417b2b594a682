#include "tariff/text_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <array>

namespace satgate::tariff {
namespace {

// What one match may cost. Patterns that need more for an ordinary text are mistakes.
constexpr uint32_t kMatchSteps = 1'000'000;
constexpr uint32_t kHeapKiB = 4 * 1024;
constexpr uint32_t kOptions =
    PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;

using Context = std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)>;
using Match = std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)>;

PCRE2_SPTR bytes_of(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data());
}

Context bounded_context() {
  Context context(pcre2_match_context_create(nullptr), pcre2_match_context_free);
  if (!context) return context;
  (void)pcre2_set_match_limit(context.get(), kMatchSteps);
  (void)pcre2_set_heap_limit(context.get(), kHeapKiB);
  return context;
}

}  // namespace

void TextPattern::Free::operator()(void* code) const {
  pcre2_code_free(static_cast<pcre2_code*>(code));
}

Result<TextPattern> TextPattern::compile(const std::string& pattern) {
  int error = 0;
  size_t place = 0;
  pcre2_code* code =
      pcre2_compile(bytes_of(pattern), pattern.size(), kOptions, &error, &place, nullptr);
  if (code == nullptr) {
    std::array<PCRE2_UCHAR, 256> why{};
    (void)pcre2_get_error_message(error, why.data(), why.size());
    return fail(fmt::format("'{}' is no regular expression: {} at character {}", pattern,
                            reinterpret_cast<const char*>(why.data()), place + 1));
  }
  // Where memory must not become code it fails, and a match takes longer.
  (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  TextPattern made;
  made.code_.reset(code);
  return made;
}

bool TextPattern::matches(std::string_view text) const {
  thread_local const Context context = bounded_context();
  thread_local const Match found(pcre2_match_data_create(1, nullptr), pcre2_match_data_free);
  if (!context || !found) return false;
  // It may name no text at all, and the library wants an address.
  const std::string_view subject = text.data() == nullptr ? std::string_view("") : text;
  return pcre2_match(static_cast<const pcre2_code*>(code_.get()), bytes_of(subject), subject.size(),
                     0, 0, found.get(), context.get()) >= 0;
}

}  // namespace satgate::tariff
