// A BIO over a non-blocking socket. OpenSSL's own would raise SIGPIPE on a closed connection.
#pragma once

#include <openssl/bio.h>

namespace satgate::net {

// Does not own the descriptor. Null: out of memory.
BIO* new_socket_bio(int descriptor);

}  // namespace satgate::net
