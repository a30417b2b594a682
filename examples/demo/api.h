// `satgate-demo api`: a small HTTP API. Every path under /api/ answers 200 with what it saw:
// {"path", "method", "query", "body_bytes", "headers": {...}}.
//
// What a query can ask for: ?status=503, ?slow=200 (milliseconds), ?size=100000 (bytes of filler),
// ?cut=1 (half of the promised bytes, then a reset). GET /stats: {"calls", "paths": {path: n}}.
#pragma once

#include <map>
#include <string>

#include "serve.h"

namespace satgate::demo {

class Api final : public net::Handler {
 public:
  net::Task<> handle(net::ServerExchange& exchange) override;

 private:
  net::Task<> answer(net::ServerExchange& exchange, size_t body_bytes);

  // Only one loop ever serves a demo, so nothing here is locked.
  std::map<std::string, uint64_t, std::less<>> calls_by_path_;
  uint64_t calls_ = 0;
};

}  // namespace satgate::demo
