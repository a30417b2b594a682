// The request path allocates nothing once it is warm.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "ledger/ledger.h"

namespace {
std::atomic<uint64_t> allocations = 0;
}

// Not inlined: the compiler would see free() undo an operator new and call it a mistake.
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace satgate::ledger {
namespace {

TEST(Allocation, NoneAfterWarmUp) {
  Path path;
  SpendLimits limits;
  limits[Window::lifetime] = Money::max() - Money::nano(1);
  limits[Window::hour] = Money::max() - Money::nano(1);
  Ledger ledger;
  for (const char* name : {"token", "team", "company"}) {
    const AccountId id = account_id("test", name);
    ASSERT_TRUE(path.add({id, AccountKind::token, limits, {}}));
    ledger.raise_ceiling(id, AccountKind::token, Money::max());
  }
  const auto call = [&](int64_t second) {
    HoldRecord hold;
    EndRecord end;
    auto first = ledger.reserve(path, Money::nano(5), Time::seconds(second), hold);
    auto second_one = ledger.reserve(path, Money::nano(5), Time::seconds(second), hold);
    const bool ok = first && second_one;
    if (!ok) return false;
    ledger.settle(std::move(*first), Money::nano(4), end);
    ledger.release(std::move(*second_one), end);
    return ledger.headroom(path, Time::seconds(second)) > Money();
  };
  ASSERT_TRUE(call(0));
  const uint64_t before = allocations;
  for (int64_t i = 1; i < 10'000; ++i)
    ASSERT_TRUE(call(i));
  EXPECT_EQ(allocations, before);
}

}  // namespace
}  // namespace satgate::ledger
