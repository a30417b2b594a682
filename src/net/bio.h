// A BIO over a non-blocking socket. OpenSSL's own would raise SIGPIPE on a closed connection.
#pragma once

#include <openssl/bio.h>

#include "net/descriptor.h"

namespace satgate::net {

// The descriptor must outlive it. Null: out of memory.
BIO* new_socket_bio(Descriptor& descriptor);

}  // namespace satgate::net
