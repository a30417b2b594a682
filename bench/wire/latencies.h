// Every latency is counted, none is sampled.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace satgate::bench {

inline int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

// In steps of 100 ns up to 200 ms; what is longer counts as the longest.
class Latencies {
 public:
  void add(int64_t ns) {
    const auto step = static_cast<size_t>(std::max<int64_t>(0, ns / 100));
    ++steps_[std::min(step, steps_.size() - 1)];
    ++count_;
    longest_ = std::max(longest_, ns);
  }
  void clear() { *this = Latencies(); }
  uint64_t count() const { return count_; }
  double longest_us() const { return static_cast<double>(longest_) / 1000; }
  double quantile_us(double q) const {
    const auto rank = static_cast<uint64_t>(q * static_cast<double>(count_));
    uint64_t seen = 0;
    for (size_t i = 0; i + 1 < steps_.size(); ++i) {
      seen += steps_[i];
      if (seen > rank) return (static_cast<double>(i) + 0.5) / 10;
    }
    return longest_us();
  }

 private:
  std::vector<uint32_t> steps_ = std::vector<uint32_t>(2'000'001);
  uint64_t count_ = 0;
  int64_t longest_ = 0;
};

}  // namespace satgate::bench
