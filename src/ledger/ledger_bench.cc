// What the cap costs a call: reserve and settle over three accounts, alone and under contention.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "ledger/ledger.h"

namespace {
std::atomic<uint64_t> allocations = 0;
}

// Not inlined: the compiler would see free() undo an operator new and call it a mistake.
[[gnu::noinline]] void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
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

constexpr Time kNow = Time::seconds(1'775'757'600);

SpendLimits wide() {
  SpendLimits limits;
  limits[Window::lifetime] = Money::max() - Money::nano(1);
  limits[Window::hour] = Money::max() - Money::nano(1);
  limits[Window::day] = Money::max() - Money::nano(1);
  return limits;
}

Path path_of(Ledger& ledger, int64_t agent, int64_t accounts) {
  Path path;
  for (int64_t i = 0; i < accounts; ++i) {
    const std::string name = i == 0 ? "agent " + std::to_string(agent) : std::to_string(i);
    const AccountId id = account_id("bench", name);
    if (!path.add({id, AccountKind::token, wide(), {}})) std::abort();
    ledger.raise_ceiling(id, AccountKind::token, Money::max());
  }
  return path;
}

bool call(Ledger& ledger, const Path& path) {
  HoldRecord hold;
  EndRecord end;
  auto reservation = ledger.reserve(path, Money::nano(2), kNow, hold);
  if (!reservation) return false;
  const Receipt receipt = ledger.settle(std::move(*reservation), Money::nano(1), end);
  return receipt.cost() == Money::nano(1);
}

void ReserveSettle(benchmark::State& state) {
  Ledger ledger;
  const Path path = path_of(ledger, 0, state.range(0));
  if (!call(ledger, path)) state.SkipWithError("refused");
  const uint64_t before = allocations;
  for (auto _ : state)
    benchmark::DoNotOptimize(call(ledger, path));
  state.counters["allocations"] = static_cast<double>(allocations - before);
}
BENCHMARK(ReserveSettle)->Arg(1)->Arg(3)->Arg(8)->Arg(24);

// Many agents below one team: every call misses the cache for its own account.
void ReserveSettleManyAgents(benchmark::State& state) {
  Ledger ledger;
  std::vector<Path> paths;
  for (int64_t i = 0; i < state.range(0); ++i)
    paths.push_back(path_of(ledger, i, 3));
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(call(ledger, paths[next]));
    next = (next + 7919) % paths.size();
  }
}
BENCHMARK(ReserveSettleManyAgents)->Arg(10'000);

void Refuse(benchmark::State& state) {
  Ledger ledger;
  Path path;
  SpendLimits none;
  none[Window::lifetime] = Money();
  if (!path.add({account_id("bench", "broke"), AccountKind::token, none, {}})) std::abort();
  HoldRecord record;
  for (auto _ : state) {
    benchmark::DoNotOptimize(ledger.reserve(path, Money::nano(1), kNow, record));
  }
}
BENCHMARK(Refuse);

void Contended(benchmark::State& state) {
  static Ledger ledger;
  const Path path = path_of(ledger, state.thread_index(), 3);
  for (auto _ : state)
    benchmark::DoNotOptimize(call(ledger, path));
}
BENCHMARK(Contended)->Threads(2)->UseRealTime();

}  // namespace
}  // namespace satgate::ledger
