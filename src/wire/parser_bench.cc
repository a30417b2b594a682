// What a head costs: a POST of 1.3 KB, head and body, with 8 fields, as an OpenAI client sends it.
// `allocs` counts calls of operator new an iteration and must be 0.
#include "wire/parser.h"

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "wire/serializer.h"
#include "wire/sse.h"
#include "wire/url.h"

namespace {
std::atomic<int64_t> allocations = 0;
}

// Not inlined: g++ would otherwise see free() beside operator new and warn of a mismatch.
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

namespace satgate::wire {
namespace {

std::string sample_head() {
  return "POST /v1/chat/completions?trace=1 HTTP/1.1\r\n"
         "Host: gateway.example:8080\r\n"
         "User-Agent: OpenAI/Python 1.30.1\r\n"
         "Accept: application/json\r\n"
         "Content-Type: application/json\r\n"
         "Authorization: Bearer sg_" +
         std::string(600, 'A') +
         "\r\n"
         "X-Request-Id: 0123456789abcdef0123456789abcdef\r\n"
         "X-Stainless-Lang: python\r\n"
         "Content-Length: 400\r\n\r\n";
}

void count_allocations(benchmark::State& state, int64_t before) {
  state.counters["allocs"] = benchmark::Counter(static_cast<double>(allocations - before),
                                                benchmark::Counter::kAvgIterations);
}

void BM_ParseRequestHead(benchmark::State& state) {
  const std::string bytes = sample_head() + std::string(400, 'b');
  RequestHead head;
  const int64_t before = allocations;
  for (auto _ : state) {
    HeadCursor cursor;
    benchmark::DoNotOptimize(parse_request_head(bytes, cursor, head));
    benchmark::DoNotOptimize(head);
  }
  count_allocations(state, before);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}
BENCHMARK(BM_ParseRequestHead);

void BM_ForwardRequestHead(benchmark::State& state) {
  const std::string bytes = sample_head();
  RequestHead head;
  HeadCursor cursor;
  parse_request_head(bytes, cursor, head);
  const std::string_view without[] = {"authorization"};
  std::string out;
  out.reserve(4096);
  const int64_t before = allocations;
  for (auto _ : state) {
    out.clear();
    HeadWriter writer(out);
    writer.request(head.method, head.target, "api.example");
    writer.forward(head.fields, Direction::request, without);
    writer.field("authorization", "Bearer sk-0123456789");
    benchmark::DoNotOptimize(writer.finish(head.framing));
  }
  count_allocations(state, before);
}
BENCHMARK(BM_ForwardRequestHead);

void BM_DecodeChunks(benchmark::State& state) {
  std::string body;
  for (int i = 0; i < 16; ++i)
    append_chunk(body, std::string(200, 'x'));
  body += kLastChunk;
  const int64_t before = allocations;
  for (auto _ : state) {
    BodyReader reader(BodyFraming::chunked());
    std::string_view input = body;
    while (!input.empty()) {
      const BodyStep step = reader.next(input);
      benchmark::DoNotOptimize(step.data);
      input.remove_prefix(step.consumed);
    }
  }
  count_allocations(state, before);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(body.size()));
}
BENCHMARK(BM_DecodeChunks);

void BM_SplitEvents(benchmark::State& state) {
  std::string stream;
  for (int i = 0; i < 16; ++i)
    stream += "data: " + std::string(200, 'x') + "\n\n";
  SseSplitter splitter;
  SseEvent event;
  bool ok = splitter.feed(stream);
  while (splitter.next(event)) {
  }
  const int64_t before = allocations;
  for (auto _ : state) {
    ok = splitter.feed(stream);
    benchmark::DoNotOptimize(ok);
    while (splitter.next(event))
      benchmark::DoNotOptimize(event);
  }
  count_allocations(state, before);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(stream.size()));
}
BENCHMARK(BM_SplitEvents);

void BM_NormalisePath(benchmark::State& state) {
  std::string scratch;
  const int64_t before = allocations;
  for (auto _ : state)
    benchmark::DoNotOptimize(normalise_path("/v1/chat/completions", scratch));
  count_allocations(state, before);
}
BENCHMARK(BM_NormalisePath);

}  // namespace
}  // namespace satgate::wire
