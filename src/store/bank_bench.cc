// What the bank adds to a call: reserve, settle, event, under normal durability.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <new>
#include <string>

#include "store/bank.h"

namespace {

std::atomic<uint64_t> allocations = 0;

}  // namespace

// Counts every allocation of the thread that runs the calls; the keeper's are not a call's.
thread_local bool counted = false;

// Not inlined: the compiler would see free() undo an operator new and call it a mistake.
[[gnu::noinline]] void* operator new(size_t size) {
  if (counted) ++allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace satgate::store {
namespace {

void reserve_settle(benchmark::State& state) {
  const auto dir =
      std::filesystem::temp_directory_path() / ("satgate-bank-bench-" + std::to_string(::getpid()));
  std::filesystem::remove_all(dir);
  const SystemClock clock;
  BankOptions options;
  options.data_dir = dir;
  auto bank = std::move(*Bank::open(options, clock));
  Path path;
  for (int i = 0; i < 4; ++i) {
    PathEntry entry{account_id("token", std::to_string(i)), AccountKind::token, {}, "t"};
    entry.limits[Window::lifetime] = Money::credits(1'000'000'000);
    entry.limits[Window::day] = Money::credits(1'000'000'000);
    static_cast<void>(path.add(entry));
  }
  AuditEvent event;
  event.subject = "cursor-dev";
  event.holders = {"research", "agent-7"};
  event.labels = {{"team", "core"}, {"project", "landing"}};
  event.decision = Decision::allow;
  event.call.emplace();
  event.call->upstream = "openai";
  event.call->endpoint = "/v1/chat/completions";
  event.call->model = "gpt-4o";
  event.call->method = "POST";
  event.http_status = 200;
  allocations = 0;
  for (auto step : state) {
    const Time now = clock.now();
    event.time = now;
    counted = true;
    auto held = bank->reserve(path, Money::nano(2'000'000), now);
    counted = false;
    if (!held) {
      std::promise<bool> granted;
      bank->extend_leases(std::get<ledger::LeaseShortage>(held.error()),
                          [&](bool ok) { granted.set_value(ok); });
      granted.get_future().wait();
      continue;
    }
    counted = true;
    benchmark::DoNotOptimize(
        bank->settle(std::move(*held), Money::nano(1'000'000), event).has_value());
    counted = false;
  }
  state.counters["allocations"] = benchmark::Counter(static_cast<double>(allocations.load()),
                                                     benchmark::Counter::kAvgIterations);
  bank.reset();
  std::filesystem::remove_all(dir);
}
BENCHMARK(reserve_settle);

}  // namespace
}  // namespace satgate::store
