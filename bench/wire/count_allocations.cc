// A library to preload: counts every heap allocation of a program, each thread on its own, into the
// file that BENCH_ALLOCATIONS names. bench/harness/allocations.py reads it while the program runs.
//
// The file is 1024 pairs of 64-bit numbers in the machine's order: thread id, allocations so far.
// The pair of a thread that ended keeps its count.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

struct Slot {
  std::atomic<int64_t> thread;
  std::atomic<int64_t> count;
};
constexpr size_t kSlots = 1024;

std::array<Slot, kSlots> unmapped;  // until the file is there, and when there is none
Slot* slots = unmapped.data();
std::atomic<size_t> used = 0;

// Of the initial-exec model, because the general one may itself allocate.
[[gnu::tls_model("initial-exec")]] thread_local Slot* mine = nullptr;

void count_one() {
  if (mine == nullptr) {
    const size_t next = used.fetch_add(1);
    mine = &slots[next < kSlots ? next : kSlots - 1];
    mine->thread = ::syscall(SYS_gettid);
  }
  // Alone but for the last slot: no other thread adds here.
  mine->count.store(mine->count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

[[gnu::constructor]] void map_file() {
  const char* path = std::getenv("BENCH_ALLOCATIONS");
  if (path == nullptr) return;
  const int fd = ::open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* mapped = ::mmap(nullptr, sizeof unmapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (mapped == MAP_FAILED) return;
  slots = static_cast<Slot*>(mapped);
  used = 0;
  mine = nullptr;
}

}  // namespace

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  count_one();
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  count_one();
  return __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  count_one();
  return __libc_realloc(old, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  count_one();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  count_one();
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? 12 : 0;  // ENOMEM
}
}
