#include "net/bio.h"

#include <cerrno>
#include <span>

namespace satgate::net {
namespace {

Descriptor& descriptor_of(BIO* bio) {
  return *static_cast<Descriptor*>(BIO_get_data(bio));
}

bool is_retryable() {
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const iovec piece{const_cast<char*>(bytes), static_cast<size_t>(size)};
  const ssize_t n = descriptor_of(bio).send(std::span(&piece, 1));
  if (n < 0 && is_retryable()) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int bio_read(BIO* bio, char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = descriptor_of(bio).receive(bytes, static_cast<size_t>(size));
  if (n < 0 && is_retryable()) BIO_set_retry_read(bio);
  // Lets OpenSSL tell an end without close_notify from other failures.
  if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(n);
}

long bio_ctrl(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return 0;
}

const BIO_METHOD* socket_method() {
  static const BIO_METHOD* method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "satgate socket");
    if (made == nullptr) return made;
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_ctrl);
    return made;
  }();
  return method;
}

}  // namespace

BIO* new_socket_bio(Descriptor& descriptor) {
  const BIO_METHOD* method = socket_method();
  if (method == nullptr) return nullptr;
  BIO* bio = BIO_new(method);
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, &descriptor);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace satgate::net
