#include "flow/outcomes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/crypto.h"
#include "base/limits.h"
#include "base/text.h"

namespace satgate::flow {
namespace {

constexpr size_t kWaitingMax = 10'000;
constexpr int64_t kMarginSeconds = 5;
constexpr std::string_view kAlgorithm = "sha256=";

// Points every text of an event at a copy of its own.
class Copier {
 public:
  explicit Copier(std::deque<std::string>& texts) : texts_(texts) {}

  void own(std::string_view& text) {
    if (!text.empty()) text = texts_.emplace_back(text);
  }
  void own(AuditEvent& event) {
    own(event.subject);
    own(event.budget);
    own(event.detail);
    for (std::string_view& holder : event.holders)
      own(holder);
    for (Label& label : event.labels) {
      own(label.name);
      own(label.value);
    }
    if (event.call) own(*event.call);
  }

 private:
  // Of a call with a flat price: it has no batch.
  void own(Call& call) {
    for (std::string_view* text :
         {&call.route, &call.upstream, &call.method, &call.endpoint, &call.query, &call.tool,
          &call.listed_tool, &call.model, &call.asked_model}) {
      own(*text);
    }
    call.arguments = call.unbounded = call.batch_item = call.stored_id = {};
    call.batch = {};
  }

  std::deque<std::string>& texts_;
};

bool is_signed(const std::string& secret, std::string_view request_id, std::string_view body,
               std::string_view signature) {
  const Hash256 mac = hmac_sha256(secret, fmt::format("{}.{}", request_id, body));
  const std::string expected = fmt::format("{}{}", kAlgorithm, to_hex(as_bytes_view(mac)));
  return equal_constant_time(signature, expected);
}

}  // namespace

bool Outcomes::has_room() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() < kWaitingMax;
}

void Outcomes::wait(Reservation reservation, Money cost, const AuditEvent& event,
                    const tariff::OutcomePolicy& policy, Time now) {
  // Before the hold is charged for its age.
  const Time held = later(event.call->at, limits::reservation_seconds_max - kMarginSeconds);
  auto waiting =
      std::make_unique<Waiting>(std::move(reservation), cost, event, std::deque<std::string>(),
                                Shares(event.shares.begin(), event.shares.end()), policy,
                                std::min(later(now, policy.timeout_seconds), held));
  Copier(waiting->texts).own(waiting->event);
  waiting->event.shares = waiting->shares;
  const auto id = id_text(waiting->event.call->id);
  const std::lock_guard lock(mutex_);
  waiting_.insert_or_assign(std::string(std::string_view(id)), std::move(waiting));
}

Outcomes::Decided Outcomes::decide(std::string_view request_id, std::string_view body, bool success,
                                   std::string_view signature) {
  std::unique_ptr<Waiting> waiting;
  {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(request_id);
    if (found == waiting_.end()) return Decided::unknown;
    if (!is_signed(found->second->policy.secret, request_id, body, signature)) {
      return Decided::unsigned_;
    }
    waiting = std::move(found->second);
    waiting_.erase(found);
  }
  const bool written = end(std::move(waiting), success,
                           success ? "the outcome was a success" : "the outcome was no success");
  return written ? Decided::done : Decided::unavailable;
}

bool Outcomes::end(std::unique_ptr<Waiting> waiting, bool charge, std::string_view why) {
  waiting->event.detail = why;
  const Money cost = charge ? waiting->cost : Money();
  const auto receipt = bank_.settle(std::move(waiting->reservation), cost, waiting->event);
  if (!receipt) return false;
  metrics_.spent_nano += receipt->cost().nano();
  if (receipt->overrun()) ++metrics_.overruns;
  return bank_.flush();
}

std::unique_ptr<Outcomes::Waiting> Outcomes::take_overdue(Time now) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::ranges::find_if(waiting_, [now](const auto& one) { return one.second->until <= now; });
  if (found == waiting_.end()) return nullptr;
  std::unique_ptr<Waiting> waiting = std::move(found->second);
  waiting_.erase(found);
  return waiting;
}

void Outcomes::tick(Time now) {
  while (auto waiting = take_overdue(now)) {
    const bool charge = waiting->policy.charge_otherwise;
    if (!end(std::move(waiting), charge, "nobody told the outcome in time")) return;
  }
}

void Outcomes::close() {
  tick(Time{INT64_MAX});
}

}  // namespace satgate::flow
