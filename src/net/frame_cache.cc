#include "net/frame_cache.h"

#include <array>
#include <cstdint>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SATGATE_SEE_EVERY_FRAME
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SATGATE_SEE_EVERY_FRAME
#endif

namespace satgate::net {

#ifdef SATGATE_SEE_EVERY_FRAME

// Reuse would hide from the sanitizers what they look for.
void* allocate_frame(size_t size) {
  return ::operator new(size);
}

void free_frame(void* frame, size_t) noexcept {
  ::operator delete(frame);
}

#else

namespace {

constexpr size_t kStep = 128;
constexpr size_t kClasses = 128;  // up to 16 KB
constexpr uint32_t kKeptPerClass = 2048;

struct Free {
  Free* next;
};

struct Cache {
  std::array<Free*, kClasses> lists{};
  std::array<uint32_t, kClasses> counts{};
  bool ended = false;  // the thread ends: frames may still be freed
};
// Without a destructor, so that an access costs no guard.
constinit thread_local Cache cache;

struct Cleaner {
  ~Cleaner() {
    cache.ended = true;
    for (Free* list : cache.lists) {
      while (list != nullptr) {
        Free* const next = list->next;
        ::operator delete(list);
        list = next;
      }
    }
  }
};

void* new_frame(size_t bytes) {
  static thread_local Cleaner cleaner;  // empties this thread's cache at its end
  static_cast<void>(cleaner);
  return ::operator new(bytes);
}

size_t class_of(size_t size) {
  return (size + kStep - 1) / kStep;
}

}  // namespace

void* allocate_frame(size_t size) {
  const size_t index = class_of(size);
  if (index >= kClasses || cache.ended) return ::operator new(size);
  Free* const kept = cache.lists[index];
  if (kept == nullptr) return new_frame(index * kStep);
  cache.lists[index] = kept->next;
  --cache.counts[index];
  return kept;
}

void free_frame(void* frame, size_t size) noexcept {
  const size_t index = class_of(size);
  if (index >= kClasses || cache.ended || cache.counts[index] == kKeptPerClass) {
    ::operator delete(frame);
    return;
  }
  cache.lists[index] = new (frame) Free{cache.lists[index]};
  ++cache.counts[index];
}

#endif

}  // namespace satgate::net
