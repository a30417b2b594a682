// Asks somebody for the price of a satoshi, again and again, and tells it to an ExchangeRate. On a
// loop of its own.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "node/rest_client.h"
#include "node/waits.h"
#include "payment/exchange_rate.h"

namespace satgate::node {

class RateSource {
 public:
  // Asks at once. `rate` and `clock` live longer. Errors: what is wrong with the URL.
  static Result<std::unique_ptr<RateSource>> start(payment::ExchangeRate& rate, const Clock& clock);
  ~RateSource();
  RateSource(const RateSource&) = delete;
  RateSource& operator=(const RateSource&) = delete;

 private:
  RateSource(payment::ExchangeRate& rate, const Clock& clock) : rate_(rate), clock_(clock) {}

  net::Task<> keep_asking();
  net::Task<Result<void>> ask();

  payment::ExchangeRate& rate_;
  const Clock& clock_;
  Waits waits_;
  std::unique_ptr<RestClient> client_;
  std::string target_;  // path and query
};

// "https://host/path?query" -> {"https://host", "/path?query"}
std::pair<std::string, std::string> split_target(std::string_view url);

}  // namespace satgate::node
