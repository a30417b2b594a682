#include "flow/mcp/rounds.h"

#include <utility>

#include "base/ids.h"
#include "base/limits.h"

namespace satgate::flow::mcp {

std::optional<std::string> Rounds::add(Round round) {
  std::string handle = id_to_hex(random_id_bytes());
  const std::lock_guard lock(mutex_);
  if (rounds_.size() >= limits::mcp_waiting_max) return std::nullopt;
  Share& own = of_principal_[round.principal];
  const bool fits = own.rounds < limits::mcp_waiting_of_one_max &&
                    own.bytes + round.bytes <= limits::mcp_waiting_bytes_max;
  if (!fits && own.rounds == 0) of_principal_.erase(round.principal);
  if (!fits) return std::nullopt;
  own.rounds += 1;
  own.bytes += round.bytes;
  rounds_.emplace(handle, std::move(round));
  return handle;
}

std::optional<Rounds::Round> Rounds::take(std::string_view handle, std::string_view principal,
                                          std::string_view request) {
  const std::lock_guard lock(mutex_);
  const auto found = rounds_.find(handle);
  if (found == rounds_.end() || found->second.principal != principal ||
      found->second.request != request) {
    return std::nullopt;
  }
  forget(found->second);
  std::optional<Round> round(std::move(found->second));
  rounds_.erase(found);
  return round;
}

// Under the lock.
void Rounds::forget(const Round& round) {
  const auto own = of_principal_.find(round.principal);
  own->second.bytes -= round.bytes;
  if (--own->second.rounds == 0) of_principal_.erase(own);
}

Rounds::Map Rounds::remove_if(const std::function<bool(const Round&)>& is_over) {
  Map removed;
  const std::lock_guard lock(mutex_);
  for (auto each = rounds_.begin(); each != rounds_.end();) {
    const auto current = each++;
    if (!is_over(current->second)) continue;
    forget(current->second);
    removed.insert(rounds_.extract(current));
  }
  return removed;
}

void Rounds::end(const Map& rounds, int status, std::string_view why) {
  for (const auto& [handle, round] : rounds) {
    Fault fault;
    fault.source = Fault::Source::client;
    fault.sent_upstream = true;
    fault.http_status = status;
    fault.message = why;
    round.reply(std::unexpected(std::move(fault)));
  }
}

void Rounds::cancel(const GovernedCall& call) {
  const auto given_up = remove_if([&](const Round& round) { return round.call.get() == &call; });
  end(given_up, 499, "The client has given up the call.");
}

void Rounds::expire(Time now) {
  const auto late = remove_if([&](const Round& round) { return round.deadline <= now; });
  end(late, 504, "The client did not come back in time with what it was asked.");
}

void Rounds::close_all() {
  end(remove_if([](const Round&) { return true; }), 503, "The gateway stops.");
}

size_t Rounds::size() const {
  const std::lock_guard lock(mutex_);
  return rounds_.size();
}

}  // namespace satgate::flow::mcp
