// What a satoshi is worth, where somebody else is asked for it again and again
// (currency.usdPerSat.url). No price is ever made up: a rate that is too old is none, and one that
// is far from the last is taken only when the next one says the same.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/money.h"
#include "base/result.h"
#include "base/time.h"

namespace satgate::payment {

// Whose price stands in the answer.
enum class RatePer : uint8_t { btc, sat };

struct RateTerms {
  std::string url;      // http(s), with or without a query; answers in JSON
  std::string path;     // where in it: members and places of lists by dots, "data.0.amount"
  std::string ca_file;  // PEM; empty: the system's roots
  RatePer per = RatePer::btc;
  int64_t every_seconds = 300;
  int64_t max_age_seconds = 3600;
  int64_t change_percent_max = 50;  // from one fetch to the next
  int64_t nano_per_usd = kNanoPerCredit;
  std::optional<int64_t> fallback;  // nano-credits of a satoshi while none is known

  bool operator==(const RateTerms&) const = default;
};

inline constexpr size_t kRateAnswerBytesMax = 64 * 1024;

// Nano-credits of one satoshi, rounded up as `currency` rounds a rate that stands in the config.
// The price is in dollars, a number or a text. Errors: no JSON, nothing at `path`, no price, one
// that no satoshi ever had (zero, a dollar and more).
Result<int64_t> read_rate(std::string_view body, const RateTerms& terms);

// Any thread.
class ExchangeRate {
 public:
  explicit ExchangeRate(RateTerms terms) : terms_(std::move(terms)) {}

  const RateTerms& terms() const { return terms_; }

  // What a fetch has brought. An error: it is too far from the last to be believed yet.
  Result<void> learn(int64_t nano_per_sat, Time now);
  void failed(std::string why);

  // Nano-credits of a satoshi; the fallback where what is known is too old; or nothing.
  std::optional<int64_t> at(Time now) const;

  struct Status {
    std::optional<int64_t> nano_per_sat;  // that counts
    std::optional<Time> fetched;          // the last good one
    bool is_fallback = false;
    std::string problem;  // of the last fetch; empty: it was good
  };
  Status status(Time now) const;

  // What somebody should hear of, once.
  std::optional<std::string> take_notice();

 private:
  bool is_near(int64_t value, int64_t other) const;
  bool is_fresh(Time now) const;

  const RateTerms terms_;
  mutable std::mutex mutex_;  // guards what follows
  std::optional<int64_t> rate_;
  Time fetched_;
  std::optional<int64_t> doubted_;  // waits for another one like it
  std::string problem_;
  std::optional<std::string> notice_;
};

}  // namespace satgate::payment
