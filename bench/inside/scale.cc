// A thousand tokens against a million: what the size of the tables costs. Prints one JSON object.
//
//   bench-scale make DIR COUNT        writes a data directory with that many tokens and accounts
//   bench-scale decide DIR COUNT      opens it, and times decisions for tokens taken at random
//   bench-scale ledger COUNT          what so many accounts take in the ledger alone
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "inside/answered.h"
#include "inside/many_accounts.h"
#include "net/loop.h"
#include "token/mint.h"
#include "wire/latencies.h"
#include "wire/tcp.h"

namespace satgate::bench {
namespace {

constexpr uint64_t kActiveMax = 20'000;  // tokens that call
constexpr size_t kCalls = 100'000;
constexpr size_t kAtOnce = 1'000;

double resident_bytes() {
  double all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double seconds_since(int64_t start_ns) {
  return static_cast<double>(now_ns() - start_ns) / 1e9;
}

// Tokens of five caveats, as those of the wire.
std::vector<std::string> mint_some(const token::Keyring& ring, uint64_t count,
                                   std::mt19937_64& random) {
  const std::vector<std::string> outer = {"expires = 2099-01-01", "endpoints = /api/*"};
  const std::vector<std::string> inner = {"holder = load", "budget_max = 1000000",
                                          "methods = POST"};
  std::vector<uint64_t> numbers(count);
  for (uint64_t i = 0; i < count; ++i)
    numbers[i] = i;
  std::shuffle(numbers.begin(), numbers.end(), random);
  numbers.resize(std::min(count, kActiveMax));
  std::vector<std::string> tokens;
  for (const uint64_t number : numbers)
    tokens.push_back(
        must(token::attenuate(must(token::mint(ring, nth_token(number), outer)), inner)));
  return tokens;
}

net::Task<> call_once(flow::Worker& worker, net::Loop& loop, const std::string& token, Time now,
                      size_t& left) {
  Answered call(now, token, worker.settings());
  co_await flow::exchange(worker, call);
  if (--left == 0) loop.stop();
}

// The first call of a token takes its leases from the disk, many of them in one commit.
void warm_up(flow::Worker& worker, net::Loop& loop, const std::vector<std::string>& tokens,
             Time now) {
  for (size_t done = 0; done < tokens.size();) {
    const size_t end = std::min(tokens.size(), done + kAtOnce);
    size_t left = end - done;
    for (; done < end; ++done)
      net::spawn(loop, call_once(worker, loop, tokens[done], now, left));
    loop.run();
  }
}

net::Task<> call_often(flow::Worker& worker, net::Loop& loop,
                       const std::vector<std::string>& tokens, std::mt19937_64& random, Time now,
                       Latencies& latencies) {
  Answered call(now, tokens.front(), worker.settings());
  std::uniform_int_distribution<size_t> any(0, tokens.size() - 1);
  for (size_t i = 0; i < kCalls; ++i) {
    call.use_token(tokens[any(random)]);
    const int64_t start = now_ns();
    co_await flow::exchange(worker, call);
    latencies.add(now_ns() - start);
  }
  loop.stop();
}

void decide(const std::filesystem::path& dir, uint64_t count) {
  const SystemClock clock;
  const Time now = clock.now();
  const auto ring = std::make_shared<const token::Keyring>(Hash256{{1}}, now);
  std::mt19937_64 random(count);
  const std::vector<std::string> tokens = mint_some(*ring, count, random);
  const double before = resident_bytes();
  const int64_t start = now_ns();
  const auto bank = must(store::Bank::open({.data_dir = dir}, clock));
  const double opened = seconds_since(start);
  const double grown = resident_bytes() - before;
  flow::Gateway gateway(*bank, clock, std::make_shared<const flow::Settings>(answered_settings()),
                        ring);
  net::Loop loop;
  flow::Worker worker(gateway, loop);
  Latencies latencies;
  warm_up(worker, loop, tokens, now);
  net::spawn(loop, call_often(worker, loop, tokens, random, now, latencies));
  loop.run();
  fmt::print(R"({{"accounts":{},"active":{},"open_s":{:.3f},"grown_bytes":{:.0f},)"
             R"("p50_us":{:.2f},"p99_us":{:.2f}}})"
             "\n",
             count, tokens.size(), opened, grown, latencies.quantile_us(0.50),
             latencies.quantile_us(0.99));
  std::fflush(stdout);
  ::_exit(0);  // a clean end would first write all of it into tables
}

void measure_ledger(uint64_t count) {
  ledger::Ledger ledger;
  const double before = resident_bytes();
  for (uint64_t i = 0; i < count; ++i)
    ledger.raise_ceiling(token_account(nth_token(i)), AccountKind::token, Money::credits(1));
  fmt::print("{{\"accounts\":{},\"grown_bytes\":{:.0f}}}\n", count, resident_bytes() - before);
}

}  // namespace
}  // namespace satgate::bench

int main(int argc, char** argv) {
  using namespace satgate::bench;
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "make" && argc == 4) {
    must(write_many_accounts(argv[2], whole_number(argv[3]), satgate::SystemClock()));
  } else if (what == "decide" && argc == 4) {
    decide(argv[2], whole_number(argv[3]));
  } else if (what == "ledger" && argc == 3) {
    measure_ledger(whole_number(argv[2]));
  } else {
    std::fputs("usage: bench-scale make|decide DIR COUNT, or bench-scale ledger COUNT\n", stderr);
    return 2;
  }
}
