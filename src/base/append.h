// Appends several texts to a string with one growth of it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace satgate {

template <std::convertible_to<std::string_view>... Texts>
void append_all(std::string& out, const Texts&... texts) {
  const auto append = [&out](auto... views) {
    const size_t old = out.size();
    const size_t size = old + (views.size() + ...);
    // g++ 12 passes the capacity rather than the size asked for: the size is not taken from there.
    out.resize_and_overwrite(size, [&](char* bytes, size_t) {
      char* at = bytes + old;
      ((std::memcpy(at, views.data(), views.size()), at += views.size()), ...);
      return size;
    });
  };
  append(std::string_view(texts)...);
}

}  // namespace satgate
