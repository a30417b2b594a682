// What a token costs on the request path, and how many allocations. Count of allocations by
// replacing the global operator new in this binary.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "token/mint.h"
#include "token/verifier.h"

namespace {
std::atomic<uint64_t> allocations = 0;
}

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

namespace satgate::token {
namespace {

const auto kRing = std::make_shared<const Keyring>(Hash256{}, Time{});

std::string five_caveats() {
  return mint(*kRing, TokenId{{1}},
              std::vector<std::string>{"expires = 2036-01-01", "budget_max = 50.00",
                                       "endpoints = /read/*, /api/v1/search?source=arxiv",
                                       "rate_limit = 10/min", "holder = research-agent"})
      .value();
}

class CountAllocations {
 public:
  explicit CountAllocations(benchmark::State& state) : state_(state), before_(allocations) {}
  ~CountAllocations() {
    state_.counters["allocs"] = benchmark::Counter(static_cast<double>(allocations - before_),
                                                   benchmark::Counter::kAvgIterations);
  }

 private:
  benchmark::State& state_;
  uint64_t before_;
};

void verify_cached(benchmark::State& state) {
  Verifier verifier(kRing);
  const std::string text = five_caveats();
  benchmark::DoNotOptimize(verifier.verify(text));
  const CountAllocations count(state);
  for (auto _ : state)
    benchmark::DoNotOptimize(verifier.verify(text));
}
BENCHMARK(verify_cached);

// More tokens than the smallest cache holds, so that every call proves the chain anew.
void verify_uncached(benchmark::State& state) {
  Verifier verifier(kRing, {}, Verifier::ways);
  std::vector<std::string> texts;
  for (int i = 0; i < 64; ++i) {
    const std::vector<std::string> last = {"holder = agent-" + std::to_string(i)};
    texts.push_back(attenuate(five_caveats(), last).value());
  }
  size_t next = 0;
  const CountAllocations count(state);
  for (auto _ : state)
    benchmark::DoNotOptimize(verifier.verify(texts[next++ % texts.size()]));
}
BENCHMARK(verify_uncached);

void refuse_forged(benchmark::State& state) {
  Verifier verifier(kRing);
  std::string text = five_caveats();
  text[text.size() - 5] = text[text.size() - 5] == 'A' ? 'B' : 'A';
  for (auto _ : state)
    benchmark::DoNotOptimize(verifier.verify(text));
}
BENCHMARK(refuse_forged);

void judge_call(benchmark::State& state) {
  Verifier verifier(kRing);
  const auto token = verifier.verify(five_caveats());
  Call call;
  call.method = "GET";
  call.endpoint = "/api/v1/search";
  call.query = "q=tokens&source=arxiv";
  const CountAllocations count(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(judge_time(*token, Time{}));
    benchmark::DoNotOptimize(permits(*token, call));
  }
}
BENCHMARK(judge_call);

}  // namespace
}  // namespace satgate::token
