#include "serve.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/text.h"
#include "net/listener.h"
#include "net/loop.h"

namespace satgate::demo {

int serve(std::string_view listen, net::Handler& handler) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // before any thread starts, so that all inherit it

  const auto address = net::parse_listen_address(listen);
  if (!address) {
    fmt::print(stderr, "{}\n", address.error().message);
    return 2;
  }
  net::Loop loop;
  net::HttpServer server(loop, handler, {});
  const auto bound = server.listen(*address);
  if (!bound) {
    fmt::print(stderr, "{}\n", bound.error().message);
    return 1;
  }
  fmt::print("listening http://{}\n", net::to_string(*bound));
  std::fflush(stdout);
  loop.start();
  int signal = 0;
  sigwait(&ends, &signal);
  loop.stop();
  loop.join();
  return 0;
}

net::Task<> send_json(net::ServerExchange& exchange, int status, const Json& body) {
  const std::string text = body.dump() + "\n";
  exchange.response(status).field("content-type", "application/json");
  co_await exchange.send(text);
}

std::string string_at(const Json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string_view query_value(std::string_view query, std::string_view name) {
  for (const std::string_view part : split(query, '&')) {
    const size_t equals = part.find('=');
    if (part.substr(0, equals) != name) continue;
    return equals == std::string_view::npos ? std::string_view{} : part.substr(equals + 1);
  }
  return {};
}

uint64_t number_or(std::string_view text, uint64_t otherwise) {
  const auto number = parse_uint(text);
  return number ? std::min<uint64_t>(*number, 1'000'000) : otherwise;
}

}  // namespace satgate::demo
