// Appends several texts to a string with one growth of it.
#pragma once

#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>

namespace satgate {

inline void append_all(std::string& out, std::initializer_list<std::string_view> texts) {
  const size_t old = out.size();
  size_t size = old;
  for (const std::string_view text : texts)
    size += text.size();
  // g++ 12 passes the capacity rather than the size asked for: the size is not taken from there.
  out.resize_and_overwrite(size, [&](char* bytes, size_t) {
    char* at = bytes + old;
    for (const std::string_view text : texts) {
      std::memcpy(at, text.data(), text.size());
      at += text.size();
    }
    return size;
  });
}

}  // namespace satgate
