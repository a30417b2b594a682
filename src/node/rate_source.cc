#include "node/rate_source.h"

#include <fmt/format.h>

#include <algorithm>

namespace satgate::node {
namespace {

constexpr net::Milliseconds kAnswerWait{10'000};
constexpr int64_t kAgainSeconds = 15;  // after a failure

}  // namespace

std::pair<std::string, std::string> split_target(std::string_view url) {
  const size_t scheme = url.find("://");
  const size_t begin = scheme == url.npos ? 0 : scheme + 3;
  const size_t end = std::min(url.find_first_of("/?", begin), url.size());
  std::string target(url.substr(end));
  if (!target.starts_with('/')) target.insert(0, 1, '/');
  return {std::string(url.substr(0, end)), std::move(target)};
}

Result<std::unique_ptr<RateSource>> RateSource::start(payment::ExchangeRate& rate,
                                                      const Clock& clock) {
  std::unique_ptr<RateSource> source(new RateSource(rate, clock));
  auto [origin, target] = split_target(rate.terms().url);
  source->target_ = std::move(target);
  RestOptions options;
  options.url = std::move(origin);
  options.certificate_file = rate.terms().ca_file;
  TRY_ASSIGN(source->client_, RestClient::make(source->waits_, std::move(options)));
  source->waits_.loop.start("rate");
  net::spawn(source->waits_.loop, source->keep_asking());
  return source;
}

RateSource::~RateSource() {
  waits_.loop.post([this] { waits_.stop(); });
  waits_.loop.post([this] { waits_.loop.stop(); });
  waits_.loop.join();
  waits_.loop.abandon();
}

net::Task<> RateSource::keep_asking() {
  for (bool goes_on = true; goes_on;) {
    const auto asked = co_await ask();
    if (!asked && !waits_.stopped()) rate_.failed(asked.error().message);
    const int64_t every = rate_.terms().every_seconds;
    const int64_t wait = asked ? every : std::min(every, kAgainSeconds);
    goes_on = co_await waits_.pause(net::Milliseconds(wait * 1000));
  }
}

net::Task<Result<void>> RateSource::ask() {
  RestRequest request;
  request.method = "GET";
  request.path = target_;
  request.timeout = kAnswerWait;
  request.answer_bytes_max = payment::kRateAnswerBytesMax;
  request.repeatable = true;
  const auto answer = co_await client_->ask(std::move(request));
  if (!answer) co_return fail(answer.error().message);
  if (answer->status != 200) co_return fail(fmt::format("it answered HTTP {}", answer->status));
  const auto rate = payment::read_rate(answer->body, rate_.terms());
  if (!rate) co_return fail(rate.error().message);
  // What is not believed yet has to be said again after the usual time, not at once.
  (void)rate_.learn(*rate, clock_.now());
  co_return {};
}

}  // namespace satgate::node
