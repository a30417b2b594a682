#include "dialect/bpe/splitter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <simdjson.h>

#include <algorithm>
#include <memory>
#include <string>

namespace satgate::dialect::bpe {
namespace {

// The patterns are tiktoken's, but for white space: it means the property of that name there, and
// one character more in PCRE2.
constexpr std::string_view kSpace =
    R"(\t-\r\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view kCl100kWords =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+)";
constexpr std::string_view kO200kWords =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?)";
// A letter to come could be of any kind. U+0295 was a small letter until Unicode 17.
constexpr std::string_view kUncertain = R"([\p{Cn}\x{295}])";

// What one match may cost when the library runs without its compiler.
constexpr uint32_t kMatchSteps = 20'000'000;
constexpr uint32_t kHeapKiB = 16 * 1024;

// Words, numbers, the rest, and white space. The vocabularies differ in the first, and in what may
// follow punctuation.
std::string pattern_of(Vocabulary vocabulary) {
  const bool is_o200k = vocabulary == Vocabulary::o200k_base;
  const std::string space(kSpace);
  return std::string(is_o200k ? kO200kWords : kCl100kWords) + R"(|\p{N}{1,3}| ?[^)" + space +
         R"(\p{L}\p{N}]+[\r\n)" + (is_o200k ? "/" : "") + "]*|[" + space + R"(]*[\r\n]+|[)" +
         space + "]+(?![^" + space + "])|[" + space + "]+";
}

using Code = std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)>;
using Context = std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)>;
using Match = std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)>;

// A compiled pattern. Never changes, so that all threads share it.
class Pattern {
 public:
  Pattern(std::string_view text, uint32_t options)
      : code_(nullptr, pcre2_code_free),
        context_(pcre2_match_context_create(nullptr), pcre2_match_context_free) {
    int error = 0;
    size_t place = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                              PCRE2_UTF | PCRE2_NO_AUTO_CAPTURE | options, &error, &place,
                              nullptr));
    if (!code_ || !context_) return;
    // Where memory must not become code, it fails, and a count takes four times as long.
    (void)pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
    (void)pcre2_set_match_limit(context_.get(), kMatchSteps);
    (void)pcre2_set_heap_limit(context_.get(), kHeapKiB);
  }

  // Where the first match ends; negative: an error of PCRE2. `text` is valid UTF-8.
  std::expected<size_t, int> match(std::string_view text, uint32_t options) const {
    thread_local const Match found(pcre2_match_data_create(1, nullptr), pcre2_match_data_free);
    if (!code_ || !context_ || !found) return std::unexpected(PCRE2_ERROR_NOMEMORY);
    const int status =
        pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0,
                    PCRE2_NO_UTF_CHECK | options, found.get(), context_.get());
    if (status < 0) return std::unexpected(status);
    return pcre2_get_ovector_pointer(found.get())[1];
  }

 private:
  Code code_;
  Context context_;
};

const Pattern& splitter_of(Vocabulary vocabulary) {
  static const Pattern cl100k(pattern_of(Vocabulary::cl100k_base), PCRE2_ANCHORED);
  static const Pattern o200k(pattern_of(Vocabulary::o200k_base), PCRE2_ANCHORED);
  return vocabulary == Vocabulary::o200k_base ? o200k : cl100k;
}

std::expected<size_t, NoPiece> split(Vocabulary vocabulary, std::string_view text,
                                     uint32_t options) {
  const auto end = splitter_of(vocabulary).match(text, options);
  if (end && *end > 0) return *end;
  const bool cut = !end && end.error() == PCRE2_ERROR_PARTIAL;
  return std::unexpected(cut ? NoPiece::more_text : NoPiece::failed);
}

bool is_ascii(std::string_view text) {
  unsigned char all = 0;  // a loop without an exit is done many bytes at a time
  for (const char c : text)
    all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

}  // namespace

bool has_certain_characters(std::string_view text) {
  if (is_ascii(text)) return true;
  static const Pattern uncertain(kUncertain, 0);
  if (!simdjson::validate_utf8(text.data(), text.size())) return false;
  return uncertain.match(text, 0) == std::unexpected(PCRE2_ERROR_NOMATCH);
}

// A line break and other white space at the very end are two pieces in some versions of
// cl100k_base, and one in others.
bool is_certain(Vocabulary vocabulary, std::string_view text) {
  if (!has_certain_characters(text)) return false;
  const size_t line_break = text.find_last_of("\r\n");
  if (vocabulary != Vocabulary::cl100k_base || line_break == text.npos) return true;
  static const Pattern blank("[" + std::string(kSpace) + R"(]++\z)", PCRE2_ANCHORED);
  return blank.match(text.substr(line_break + 1), 0) == std::unexpected(PCRE2_ERROR_NOMATCH);
}

std::expected<size_t, NoPiece> first_piece(Vocabulary vocabulary, std::string_view text) {
  return split(vocabulary, text, 0);
}

std::expected<size_t, NoPiece> first_complete_piece(Vocabulary vocabulary, std::string_view text) {
  return split(vocabulary, text, PCRE2_PARTIAL_HARD);
}

}  // namespace satgate::dialect::bpe
