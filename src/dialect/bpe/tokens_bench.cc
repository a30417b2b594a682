#include "dialect/bpe/tokens.h"

#include <benchmark/benchmark.h>

#include <string>

namespace satgate::dialect::bpe {
namespace {

constexpr size_t kBytes = 1'000'000;

std::string filled(std::string_view with) {
  std::string text;
  while (text.size() < kBytes)
    text.append(with);
  return text;
}

const std::string& english() {
  static const std::string text = filled(
      "Before each call it decides whether the call may spend, holds the worst case on every "
      "budget it touches, and refuses what doesn't fit. Tokens carry 25 limits that anyone can "
      "narrow and no one can widen; every decision is written to a record.\n\n");
  return text;
}

void count(benchmark::State& state, Vocabulary vocabulary, const std::string& text) {
  uint64_t tokens = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(tokens = count_tokens(vocabulary, text));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
  state.counters["bytes a token"] = static_cast<double>(text.size()) / static_cast<double>(tokens);
}

void BM_English_cl100k(benchmark::State& state) {
  count(state, Vocabulary::cl100k_base, english());
}
BENCHMARK(BM_English_cl100k);

void BM_English_o200k(benchmark::State& state) {
  count(state, Vocabulary::o200k_base, english());
}
BENCHMARK(BM_English_o200k);

void BM_Chinese_o200k(benchmark::State& state) {
  count(state, Vocabulary::o200k_base, filled("每次调用之前，网关都会决定是否可以花费。"));
}
BENCHMARK(BM_Chinese_o200k);

// One piece of which every two bytes merge.
void BM_OneLetter_o200k(benchmark::State& state) {
  count(state, Vocabulary::o200k_base, std::string(kBytes, 'a'));
}
BENCHMARK(BM_OneLetter_o200k);

// The worst that was found: one piece whose merges lie all over it.
void BM_RandomLetters_o200k(benchmark::State& state) {
  std::string text;
  for (uint32_t value = 1; text.size() < kBytes; value = value * 1664525 + 1013904223) {
    text.push_back(static_cast<char>('a' + (value >> 24) % 26));
  }
  count(state, Vocabulary::o200k_base, text);
}
BENCHMARK(BM_RandomLetters_o200k);

// A stream of chunks of one word each.
void BM_Running_o200k(benchmark::State& state) {
  for (auto _ : state) {
    RunningCount running(Vocabulary::o200k_base);
    for (size_t at = 0; at < english().size(); at += 5)
      running.add(std::string_view(english()).substr(at, 5));
    benchmark::DoNotOptimize(running.so_far());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(english().size()));
}
BENCHMARK(BM_Running_o200k);

}  // namespace
}  // namespace satgate::dialect::bpe
