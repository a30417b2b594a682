// Three macros, three meanings. All are for programmer errors, never for bytes from outside.
#pragma once

namespace satgate {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}

// Cannot continue: money or memory would be wrong. Stays on in release builds.
#define RELEASE_ASSERT(expression)     \
  ((expression) ? static_cast<void>(0) \
                : ::satgate::assertion_failed(#expression, __FILE__, __LINE__))

// Documentation that debug and test builds check.
#ifdef NDEBUG
#define ASSERT(expression) static_cast<void>(0)
#else
#define ASSERT(expression) RELEASE_ASSERT(expression)
#endif
