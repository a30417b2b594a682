// Listening sockets. One Listener per loop and address; several loops share a port by SO_REUSEPORT.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/address.h"
#include "net/descriptor.h"
#include "net/loop.h"
#include "net/task.h"

namespace satgate::net {

struct ListenAddress {
  std::string host;   // IPv4 or IPv6 address, without brackets; "localhost" is 127.0.0.1
  uint16_t port = 0;  // 0: any free port
};

// "127.0.0.1:8000", "[::1]:8000", "localhost:8000", ":8000" (all IPv4 interfaces), "8000"
// (127.0.0.1). Other host names are refused: an operator must see which interface opens.
Result<ListenAddress> parse_listen_address(std::string_view text);
std::string to_string(const ListenAddress& address);

class Listener {
 public:
  enum class Share : uint8_t {
    first,   // fails if anything listens there already, even another gateway with SO_REUSEPORT
    joined,  // joins the port that this process has opened with `first`
  };

  // Binds and listens. The error names the address and the reason ("address already in use: ...").
  static Result<std::unique_ptr<Listener>> open(Loop& loop, const ListenAddress& address,
                                                Share share = Share::first);

  const ListenAddress& address() const { return address_; }  // with the real port

  // The next connection, with no-delay set. Ends with an error message when closed. A lack of
  // descriptors is waited out, not reported.
  Task<Result<Socket>> accept();

  void close();  // on the loop; a pending accept() ends

 private:
  class Accept;

  Listener(Loop& loop, ListenAddress address)
      : loop_(loop), descriptor_(loop), address_(std::move(address)) {}

  Loop& loop_;
  Descriptor descriptor_;
  ListenAddress address_;
};

}  // namespace satgate::net
