// One end of a pipe or of a socket between processes. Internal to net.
#pragma once

#include <cerrno>
#include <cstddef>
#include <expected>
#include <span>
#include <string_view>

#include "net/descriptor.h"

namespace satgate::net {

template <class T = void>
using PipeResult = std::expected<T, int>;  // errno; EBADF: it was closed here

class Pipe {
 public:
  class Read;
  class Write;

  // Takes over the descriptor. One that can not be watched reads as closed.
  Pipe(Loop& loop, int fd);
  bool is_open() const { return descriptor_.is_open(); }
  int fd() const { return descriptor_.fd(); }
  void close() { descriptor_.close(); }

  // Awaited at once. 0: the other end was closed.
  Read read_some(std::span<char> into);
  // The bytes must stay until it is done.
  Write write_all(std::string_view bytes);

 private:
  Descriptor descriptor_;
};

class Pipe::Read final : public Operation {
 public:
  Read(Descriptor& descriptor, std::span<char> into) : descriptor_(descriptor), into_(into) {}
  bool await_ready() { return attempt(); }
  void await_suspend(std::coroutine_handle<> waiter) { wait_at(descriptor_, waiter); }
  PipeResult<size_t> await_resume() const { return result_; }

 private:
  bool attempt() override;
  Descriptor& descriptor_;
  std::span<char> into_;
  PipeResult<size_t> result_;
};

class Pipe::Write final : public Operation {
 public:
  Write(Descriptor& descriptor, std::string_view bytes) : descriptor_(descriptor), rest_(bytes) {}
  bool await_ready() { return attempt(); }
  void await_suspend(std::coroutine_handle<> waiter) { wait_at(descriptor_, waiter); }
  PipeResult<> await_resume() const { return result_; }

 private:
  bool attempt() override;
  Descriptor& descriptor_;
  std::string_view rest_;
  PipeResult<> result_;
};

inline Pipe::Read Pipe::read_some(std::span<char> into) {
  return Read(descriptor_, into);
}
inline Pipe::Write Pipe::write_all(std::string_view bytes) {
  return Write(descriptor_, bytes);
}

}  // namespace satgate::net
