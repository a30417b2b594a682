// What the decision costs in process, without a socket: through flow::exchange() as every governed
// call goes, and room by room. `allocs` are heap allocations a call of the thread that decides; the
// keeper's and the journal's threads work behind it and are not on its way.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "base/crypto.h"
#include "flow/account_path.h"
#include "flow/exchange.h"
#include "inside/answered.h"
#include "net/loop.h"
#include "token/mint.h"

namespace {
thread_local int64_t allocations = 0;
}

// In place of malloc rather than operator new: OpenSSL's contexts count as well.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  ++allocations;
  return __libc_realloc(old, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
}

namespace satgate::bench {
namespace {

constexpr size_t kTokens = 64;
constexpr size_t kTogether = 64;  // calls in flight

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string text = std::filesystem::temp_directory_path() / "satgate-decision-XXXXXX";
    if (::mkdtemp(text.data()) == nullptr) std::exit(2);
    path = text;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  std::filesystem::path path;
};

// A gateway with one price, one budget and tokens of five caveats whose calls spend from three
// accounts: the token's, its `budget_max` caveat's, and the budget's.
class Rig {
 public:
  explicit Rig(flow::Settings settings = answered_settings())
      : now_(clock_.now()),
        ring_(std::make_shared<const token::Keyring>(Hash256{{1}}, now_)),
        bank_(must(store::Bank::open({.data_dir = scratch_.path, .group_writes = true}, clock_))),
        gateway_(*bank_, clock_, std::make_shared<const flow::Settings>(std::move(settings)),
                 ring_),
        worker_(gateway_, loop_) {
    BudgetRecord budget;
    budget.name = "research";
    budget.limits[Window::month] = Money::credits(1'000'000'000);
    must(bank_->directory().put_budgets({budget}));
    mint_tokens();
    // What the first call of a token does besides: its points are noted, its leases taken.
    Answered call(now_, tokens.front(), gateway_.settings());
    for (const std::string& text : tokens) {
      call.use_token(text);
      run(call);
    }
  }

  void run(Answered& call) {
    auto once = [](Rig& rig, Answered& one) -> net::Task<> {
      co_await flow::exchange(rig.worker_, one);
      rig.loop_.stop();
    };
    net::spawn(loop_, once(*this, call));
    loop_.run();
  }

  VerifiedToken verified(const std::string& text) {
    auto token = worker_.verifier.verify(text);
    if (!token) std::exit(2);
    return std::move(*token);
  }

  Path path_of(const VerifiedToken& token, flow::BudgetLine& keep) {
    Path path;
    const auto record = must(bank_->directory().token(token.token()));
    if (!flow::add_token_accounts(path, token, *record, now_)) std::exit(2);
    if (!flow::add_budget_accounts(path, *record, bank_->directory(), keep)) std::exit(2);
    return path;
  }

  net::Loop& loop() { return loop_; }
  flow::Worker& worker() { return worker_; }
  store::Bank& bank() { return *bank_; }
  const std::shared_ptr<const token::Keyring>& ring() const { return ring_; }
  Time now() const { return now_; }

  std::vector<std::string> tokens;

 private:
  void mint_tokens() {
    TokenRecord record;
    record.id = TokenId{{7}};
    record.name = "bench";
    record.budget = "research";
    record.caveats = {"expires = 2099-01-01", "endpoints = /api/*"};
    const std::string root = must(token::mint(*ring_, record.id, record.caveats));
    must(bank_->directory().add_token(record));
    for (size_t i = 0; i < kTokens; ++i) {
      const std::vector<std::string> narrower = {"holder = agent-" + std::to_string(i),
                                                 "budget_max = 1000000", "methods = POST"};
      tokens.push_back(must(token::attenuate(root, narrower)));
    }
  }

  ScratchFolder scratch_;
  SystemClock clock_;
  Time now_;
  std::shared_ptr<const token::Keyring> ring_;
  std::unique_ptr<store::Bank> bank_;
  flow::Gateway gateway_;
  net::Loop loop_;
  flow::Worker worker_;
};

class CountAllocations {
 public:
  explicit CountAllocations(benchmark::State& state) : state_(state), before_(allocations) {}
  ~CountAllocations() {
    state_.counters["allocs"] = benchmark::Counter(static_cast<double>(allocations - before_),
                                                   benchmark::Counter::kAvgIterations);
  }

 private:
  benchmark::State& state_;
  int64_t before_;
};

// What the calls of one measurement share.
struct Together {
  benchmark::State& state;
  size_t distinct;  // tokens
  size_t next = 0;
  size_t left = kTogether;
  bool over = false;

  bool goes_on() {
    over = over || !state.KeepRunning();  // which must not be asked again
    return !over;
  }
};

net::Task<> exchange_often(Rig& rig, Together& all) {
  Answered call(rig.now(), rig.tokens.front(), rig.worker().settings());
  while (all.goes_on()) {
    call.use_token(rig.tokens[all.next++ % all.distinct]);
    co_await flow::exchange(rig.worker(), call);
  }
  if (--all.left == 0) rig.loop().stop();
}

// As many calls as connections in the benchmark of the wire, so that their records leave together.
void exchange_all(Rig& rig, benchmark::State& state, size_t distinct) {
  Together all{state, distinct};
  const CountAllocations count(state);
  for (size_t i = 0; i < kTogether; ++i)
    net::spawn(rig.loop(), exchange_often(rig, all));
  rig.loop().run();
}

// Everything: verify, judge, quote, reserve on three accounts, settle, event. The token's chain of
// HMACs is in the verifier's cache, as it is for an agent that calls again.
void decision(benchmark::State& state) {
  Rig rig;
  exchange_all(rig, state, 1);
}
BENCHMARK(decision);

// With the loop guard asked on top, for a call without content.
void decision_guarded(benchmark::State& state) {
  flow::Settings settings = answered_settings();
  settings.loops.emplace().everywhere = {.repeats = UINT32_MAX};
  Rig rig(std::move(settings));
  exchange_all(rig, state, 1);
}
BENCHMARK(decision_guarded);

// The same for tokens that are seen for the first time, or pushed out of the cache by others.
void decision_uncached(benchmark::State& state) {
  Rig rig;
  rig.worker().verifier = token::Verifier(rig.ring(), {}, token::Verifier::ways);
  exchange_all(rig, state, kTokens);
}
BENCHMARK(decision_uncached);

void part_verify_cached(benchmark::State& state) {
  Rig rig;
  const CountAllocations count(state);
  for (auto _ : state)
    benchmark::DoNotOptimize(rig.worker().verifier.verify(rig.tokens.front()));
}
BENCHMARK(part_verify_cached);

void part_verify_uncached(benchmark::State& state) {
  Rig rig;
  token::Verifier verifier(rig.ring(), {}, token::Verifier::ways);
  size_t next = 0;
  const CountAllocations count(state);
  for (auto _ : state)
    benchmark::DoNotOptimize(verifier.verify(rig.tokens[next++ % kTokens]));
}
BENCHMARK(part_verify_uncached);

void part_judge(benchmark::State& state) {
  Rig rig;
  const VerifiedToken token = rig.verified(rig.tokens.front());
  const Answered call(rig.now(), rig.tokens.front(), rig.worker().settings());
  const store::Directory& directory = rig.bank().directory();
  const auto point_revoked = [&](const AccountId& point) { return directory.is_revoked(point); };
  const CountAllocations count(state);
  for (auto _ : state) {
    const auto record = must(directory.token(token.token()));
    const auto token_revoked = [&](const TokenId&) { return record->revoked; };
    benchmark::DoNotOptimize(token::judge_revocation(token, token_revoked, point_revoked));
    benchmark::DoNotOptimize(token::judge_time(token, rig.now()));
    benchmark::DoNotOptimize(token::permits(token, call.call()));
  }
}
BENCHMARK(part_judge);

void part_quote(benchmark::State& state) {
  Rig rig;
  const Answered call(rig.now(), rig.tokens.front(), rig.worker().settings());
  const tariff::Tariff& tariff = *rig.worker().settings()->tariff;
  const CountAllocations count(state);
  for (auto _ : state)
    benchmark::DoNotOptimize(tariff.quote(call.call(), "bench"));
}
BENCHMARK(part_quote);

void part_accounts(benchmark::State& state) {
  Rig rig;
  const VerifiedToken token = rig.verified(rig.tokens.front());
  const CountAllocations count(state);
  for (auto _ : state) {
    flow::BudgetLine keep;
    benchmark::DoNotOptimize(rig.path_of(token, keep));
  }
}
BENCHMARK(part_accounts);

// Reserve and settle through the bank: hold and end are journaled, the end with the event. The
// sync thread writes.
void part_bank(benchmark::State& state) {
  Rig rig;
  const VerifiedToken token = rig.verified(rig.tokens.front());
  flow::BudgetLine keep;
  const Path path = rig.path_of(token, keep);
  const Answered call(rig.now(), rig.tokens.front(), rig.worker().settings());
  const CountAllocations count(state);
  for (auto _ : state) {
    auto held = rig.bank().reserve(path, Money::nano(1'000), rig.now());
    if (!held) {  // a lease is used up; the keeper commits the next
      const auto* shortage = std::get_if<ledger::LeaseShortage>(&held.error());
      if (shortage == nullptr) std::exit(2);
      std::promise<bool> granted;
      rig.bank().extend_leases(*shortage, [&](bool ok) { granted.set_value(ok); });
      granted.get_future().wait();
      continue;
    }
    AuditEvent event;
    event.time = rig.now();
    event.subject = "bench";
    event.token = token.token();
    event.call = call.call();
    event.quote = Money::nano(1'000);
    event.decision = Decision::allow;
    event.http_status = 200;
    if (!rig.bank().settle(std::move(*held), Money::nano(1'000), event)) std::exit(2);
  }
}
BENCHMARK(part_bank);

// The cap alone: the same path without a journal.
void part_ledger(benchmark::State& state) {
  Rig rig;
  flow::BudgetLine keep;
  const Path path = rig.path_of(rig.verified(rig.tokens.front()), keep);
  ledger::Ledger ledger;
  for (const PathEntry& entry : path.entries())
    ledger.raise_ceiling(entry.account, entry.kind, Money::max());
  ledger::HoldRecord hold;
  ledger::EndRecord end;
  const CountAllocations count(state);
  for (auto _ : state) {
    auto held = ledger.reserve(path, Money::nano(1'000), rig.now(), hold);
    if (!held) std::exit(2);
    benchmark::DoNotOptimize(ledger.settle(std::move(*held), Money::nano(1'000), end));
  }
}
BENCHMARK(part_ledger);

}  // namespace
}  // namespace satgate::bench
