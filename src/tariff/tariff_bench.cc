#include <benchmark/benchmark.h>

#include "base/assert.h"
#include "tariff/tariff.h"

namespace satgate::tariff {
namespace {

std::unique_ptr<const Tariff> hundred_tools() {
  Policy policy;
  policy.servers["github"].price = Money::credits(1);
  for (int i = 0; i < 100; ++i) {
    policy.tools["github.tool_" + std::to_string(i)] = {.cost = Money::credits(i)};
  }
  policy.tools["search_*"] = {.cost = Money::credits(2)};
  policy.tokens["dev"].limits[Window::day] = Money::credits(25);
  policy.tokens["dev"].tools["github"] = {.max_calls_per_hour = 100};
  auto tariff = Tariff::create(std::move(policy));
  RELEASE_ASSERT(tariff);
  return std::move(*tariff);
}

void BM_QuoteToolWithAccounts(benchmark::State& state) {
  const auto tariff = hundred_tools();
  Call call;
  call.protocol = Protocol::mcp;
  call.upstream = "github";
  call.tool = call.listed_tool = "tool_42";
  for (auto _ : state) {
    Path path;
    benchmark::DoNotOptimize(tariff->add_accounts(path, call, "dev"));
    benchmark::DoNotOptimize(tariff->quote(call, "dev"));
  }
}
BENCHMARK(BM_QuoteToolWithAccounts);

void BM_QuoteModel(benchmark::State& state) {
  const auto tariff = hundred_tools();
  Call call;
  call.protocol = Protocol::openai;
  call.model = "gpt-4o-2024-08-06";
  call.input_bytes = 4000;
  for (auto _ : state)
    benchmark::DoNotOptimize(tariff->quote(call, "dev"));
}
BENCHMARK(BM_QuoteModel);

}  // namespace
}  // namespace satgate::tariff
