// `satgate-demo llm`: an OpenAI-compatible stand-in. POST /v1/chat/completions with and without
// `stream`, GET /v1/models. Usage follows from the request alone: four bytes of message content
// are one prompt token, and the answer has as many tokens as asked for, at most `max_tokens`.
//
// What the content of the last message can ask for, as words: demo:tokens=40 (of the answer),
// demo:slow=500 (milliseconds before the answer), demo:pause=20 (between chunks), demo:status=500,
// demo:cut=1 (resets half way), demo:nousage=1 (reports none), demo:lie=1 (reports ten times what
// the request allowed). GET /stats: {"calls", "prompt_tokens", "completion_tokens", "models":
// {...}, "credentials": {"Bearer sk-demo": n}} counts what this side would bill, whatever it
// reported.
#pragma once

#include <map>
#include <string>

#include "serve.h"

namespace satgate::demo {

// One request, understood.
struct Completion {
  std::string model;
  bool stream = false;
  bool include_usage = false;
  uint64_t choices = 1;
  uint64_t prompt_tokens = 0;
  uint64_t tokens_each = 0;  // of one choice
  uint64_t tokens_max = 0;   // that the request allowed one choice
  bool stopped_by_length = false;
  uint64_t slow_ms = 0;
  uint64_t pause_ms = 0;
  int status = 200;
  bool cut = false;
  bool no_usage = false;
  bool lie = false;
};

Completion understand(const Json& request);
Json usage_of(const Completion& completion);

class Llm final : public net::Handler {
 public:
  net::Task<> handle(net::ServerExchange& exchange) override;

 private:
  net::Task<> complete(net::ServerExchange& exchange);
  net::Task<> answer_whole(net::ServerExchange& exchange, const Completion& completion);
  net::Task<> answer_stream(net::ServerExchange& exchange, const Completion& completion);
  Json stats() const;

  std::map<std::string, uint64_t, std::less<>> calls_by_model_;
  std::map<std::string, uint64_t, std::less<>> calls_by_credential_;
  uint64_t calls_ = 0;
  uint64_t prompt_tokens_ = 0;
  uint64_t completion_tokens_ = 0;
};

}  // namespace satgate::demo
