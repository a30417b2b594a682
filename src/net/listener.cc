#include "net/listener.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/v6_only.hpp>

#include "base/text.h"

namespace satgate::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr int kBacklog = 4096;
constexpr Milliseconds kNoDescriptorPause{50};

Result<ListenAddress> bad_address(std::string_view text) {
  return fail("bad listen address \"" + std::string(text) +
              "\": expected ADDRESS:PORT, such as 127.0.0.1:8000 or [::1]:8000");
}

Error cannot_listen(const ListenAddress& address, const error_code& error) {
  std::string why = error.message();
  if (error == asio::error::address_in_use) why = "the address is already in use";
  if (error == asio::error::access_denied) why = "no permission for this port";
  return Error{"cannot listen on " + to_string(address) + ": " + why};
}

using Reuse = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

template <class Acceptor>
error_code bind_to(Acceptor& acceptor, const tcp::endpoint& endpoint, bool share) {
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && share) acceptor.set_option(Reuse(true), error);
  if (!error && endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor.bind(endpoint, error);
  return error;
}

bool is_out_of_descriptors(const error_code& error) {
  return error == asio::error::no_descriptors || error == asio::error::no_memory ||
         error == asio::error::no_buffer_space ||
         error == error_code(ENFILE, boost::system::system_category());
}

}  // namespace

Result<ListenAddress> parse_listen_address(std::string_view text) {
  std::string_view host;
  std::string_view port = text;
  const size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  const auto number = parse_uint(port);
  if (!number || *number > 65535) return bad_address(text);
  ListenAddress address;
  address.port = static_cast<uint16_t>(*number);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  if (colon == std::string_view::npos || host == "localhost") {
    address.host = "127.0.0.1";
    return address;
  }
  address.host = host.empty() || host == "*" ? "0.0.0.0" : std::string(host);
  error_code error;
  const auto parsed = asio::ip::make_address(address.host, error);
  if (error || parsed.is_v6() != is_bracketed) return bad_address(text);
  return address;
}

std::string to_string(const ListenAddress& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, const ListenAddress& address,
                                                 Share share) {
  error_code error;
  const auto host = asio::ip::make_address(address.host, error);
  if (error) return std::unexpected(cannot_listen(address, error));
  const tcp::endpoint endpoint(host, address.port);
  if (share == Share::first && address.port != 0) {
    // SO_REUSEPORT would let a second gateway of the same user take half of the connections. A
    // socket without it finds out whether anybody listens.
    Acceptor probe(loop.executor());
    error = bind_to(probe, endpoint, false);
    if (!error) probe.listen(1, error);
    if (error) return std::unexpected(cannot_listen(address, error));
  }
  Acceptor acceptor(loop.executor());
  error = bind_to(acceptor, endpoint, true);
  if (!error) acceptor.listen(kBacklog, error);
  if (error) return std::unexpected(cannot_listen(address, error));
  ListenAddress real = address;
  real.port = acceptor.local_endpoint(error).port();
  if (error) return std::unexpected(cannot_listen(address, error));
  return std::unique_ptr<Listener>(new Listener(loop, std::move(acceptor), std::move(real)));
}

Task<Result<Socket>> Listener::accept() {
  for (;;) {
    if (!acceptor_.is_open()) co_return fail("the listener is closed");
    auto [error, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::deferred));
    if (!error) {
      socket.set_option(tcp::no_delay(true), error);
      co_return Result<Socket>(std::move(socket));
    }
    if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) {
      co_return fail("the listener is closed");
    }
    if (is_out_of_descriptors(error)) co_await sleep(loop_, kNoDescriptorPause);
  }
}

void Listener::close() {
  error_code error;
  acceptor_.close(error);
}

}  // namespace satgate::net
