// The few socket calls that both ends of the wire need. IPv4 loopback only. What fails here ends
// the program: a benchmark without its sockets has nothing to say.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace satgate::bench {

[[noreturn]] void fail(std::string_view what);  // with errno in words

int listen_on_loopback(uint16_t port);   // non-blocking, backlog for thousands
int connect_to_loopback(uint16_t port);  // connected; it still blocks
void make_fast(int socket);              // non-blocking, without delay
void raise_descriptor_limit();           // to what the system allows

// The value of a field of a head, whose name is given in lower case; empty where there is none.
std::string_view field(std::string_view head, std::string_view name);

// The length of the message that begins `bytes`, head and body together; 0 while it is incomplete.
// Reads Content-Length and the end of a chunked body, which is all that these tools exchange.
size_t message_size(std::string_view bytes);

// The same for many messages that have mostly the same head: one that is seen again is not read.
class MessageSizer {
 public:
  size_t size(std::string_view bytes);

 private:
  std::string head_;
  size_t size_ = 0;
};

// Arguments of the command line.
uint64_t whole_number(std::string_view text);
uint16_t port_number(std::string_view text);
std::string file_text(const char* path);

}  // namespace satgate::bench
