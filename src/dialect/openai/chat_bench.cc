#include <benchmark/benchmark.h>

#include <string>

#include "dialect/openai/chat.h"
#include "dialect/openai/stream_filter.h"

namespace satgate::dialect::openai {
namespace {

// A body of about this many bytes.
std::string conversation(size_t bytes) {
  std::string body = R"({"model":"gpt-4o","stream":true,"max_tokens":500,"messages":[)";
  while (body.size() < bytes) {
    body += R"({"role":"user","content":"Tell me about the price of a call, \n please."},)";
  }
  body.back() = ']';
  return body + "}";
}

void BM_PeekAndEdit(benchmark::State& state) {
  const std::string body = conversation(static_cast<size_t>(state.range(0)));
  ChatReader reader;
  std::string out;
  for (auto _ : state) {
    benchmark::DoNotOptimize(reader.peek(body));
    benchmark::DoNotOptimize(reader.edit(body, {.output_tokens = 9, .include_usage = true}, out));
  }
}
BENCHMARK(BM_PeekAndEdit)->Arg(1'000)->Arg(10'000)->Arg(100'000);

void BM_StreamChunk(benchmark::State& state) {
  StreamFilter filter(false, 1);
  const std::string chunk =
      R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o",)"
      R"("choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}],"usage":null})";
  for (auto _ : state)
    benchmark::DoNotOptimize(filter.on_data(chunk));
}
BENCHMARK(BM_StreamChunk);

}  // namespace
}  // namespace satgate::dialect::openai
