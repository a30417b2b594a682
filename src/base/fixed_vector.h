// A vector of bounded size that lives where it is declared and never allocates. Elements beyond
// size() are not constructed, so that a large bound costs nothing.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "base/assert.h"

namespace satgate {

template <class T, size_t kCapacity>
class FixedVector {
 public:
  FixedVector() = default;
  FixedVector(const FixedVector& other) { *this = other; }
  FixedVector& operator=(const FixedVector& other) {
    if (this == &other) return *this;
    clear();
    for (const T& item : other.view())
      push_back(item);
    return *this;
  }
  ~FixedVector() { clear(); }

  bool full() const { return size_ == kCapacity; }
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

  // REQUIRES: !full().
  T& push_back(T item) {
    RELEASE_ASSERT(!full());
    return *std::construct_at(slot(size_++), std::move(item));
  }
  void clear() {
    if constexpr (!std::is_trivially_destructible_v<T>) std::destroy_n(slot(0), size_);
    size_ = 0;
  }

  std::span<T> view() { return {slot(0), size_}; }
  std::span<const T> view() const { return {slot(0), size_}; }
  T& operator[](size_t i) { return view()[i]; }
  const T& operator[](size_t i) const { return view()[i]; }
  T& back() { return view().back(); }
  T* begin() { return slot(0); }
  T* end() { return slot(size_); }
  const T* begin() const { return slot(0); }
  const T* end() const { return slot(size_); }

 private:
  T* slot(size_t i) { return std::launder(reinterpret_cast<T*>(bytes_.data())) + i; }
  const T* slot(size_t i) const {
    return std::launder(reinterpret_cast<const T*>(bytes_.data())) + i;
  }

  alignas(T) std::array<std::byte, sizeof(T) * kCapacity> bytes_;
  size_t size_ = 0;
};

}  // namespace satgate
