// The calls that wait for a person, and what persons have decided about them. All of it is in
// memory and in SQLite; a thread of its own commits, many changes at a time, so that no call waits
// for the disk on its loop. Thread-safe. Callbacks come from any thread, some of them at once.
//
// An approval lets one call pass, once:
//   claim()   takes it, in memory: of a hundred calls one
//   spend()   it is gone from the disk before the call is forwarded
//   release() the call did not come to it after all
#pragma once

#include <condition_variable>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "contract/approval.h"
#include "store/shared_database.h"

namespace satgate::store {

class ApprovalBook {
 public:
  struct Bounds {  // of those that are pending
    size_t of_one_token = limits::approvals_of_one_max;
    size_t all = limits::approvals_max;
  };

  static Result<std::unique_ptr<ApprovalBook>> open(SharedDatabase& shared, Time now,
                                                    Bounds bounds);
  static Result<std::unique_ptr<ApprovalBook>> open(SharedDatabase& shared, Time now) {
    return open(shared, now, Bounds());
  }
  ~ApprovalBook();  // what was queued is committed

  // Where a call stands.
  enum class Answer : uint8_t {
    pending,
    approved,
    denied,
    in_use,  // approved, and another one like it passes right now
    full,    // too many wait already
    failed,  // it could not be written
  };
  struct Standing {
    Answer answer = Answer::failed;
    ApprovalId id;
    Time expires;
    std::string reason;  // of who decided
  };

  // The standing of the call that `wanted` is about. There is none: `wanted` is pending from now
  // on. It is on disk before `done` is called.
  void ask(Approval wanted, Time now, std::function<void(Standing)> done);
  // Calls back when a pending one is decided or gone, or `until` has passed, or close_waits() was
  // called. Times are looked at by expire().
  void wait(const ApprovalId& id, Time until, std::function<void()> done);
  void close_waits();

  bool claim(const ApprovalId& id, Time now);
  void release(const ApprovalId& id);
  // REQUIRES: it was claimed by the caller. False: it is not gone, and nothing may be forwarded.
  void spend(const ApprovalId& id, std::function<void(bool)> done);

  enum class Undecided : uint8_t { unknown, decided, failed };
  // Of a pending one, or a denial of one that was approved and is not used yet. Blocks until it is
  // on disk; from then on the decision holds until `expires`.
  std::expected<Approval, Undecided> decide(const ApprovalId& id, ApprovalState decision,
                                            Time expires, std::string reason = {});
  std::optional<Approval> find(const ApprovalId& id) const;
  std::vector<Approval> list() const;  // the oldest first
  // Of those that are new, once they are on disk. One listener, which must not block; null: none,
  // and none is running any more.
  void on_created(std::function<void(const Approval&)> listener);

  // Forgets what has expired. About once a second.
  void expire(Time now);

 private:
  struct Entry {
    Approval approval;
    bool claimed = false;
    bool stored = false;
  };
  struct Waiter {
    Time until;
    std::function<void()> done;
  };
  // A change of the table, or none: then only the order counts.
  struct Job {
    std::optional<Approval> put;
    std::optional<ApprovalId> remove;
    std::function<void(bool)> done;
  };
  using Fingerprints = std::map<Hash256, ApprovalId>;

  ApprovalBook(SharedDatabase& shared, Bounds bounds) : shared_(shared), bounds_(bounds) {}
  Result<void> load(Time now);
  Standing standing(const Entry& entry) const;
  bool has_room(const TokenId& token) const;
  void insert(Approval approval, bool stored);
  void erase(const ApprovalId& id);   // with the lock
  void forget(const ApprovalId& id);  // without
  void count(const Approval& approval, int by);
  void wake(const ApprovalId& id, std::vector<std::function<void()>>& woken);
  void stored(const Approval& approval, bool is_stored, const std::function<void(Standing)>& done);
  void queue(Job job);
  void loop();
  Result<void> commit(const std::vector<Job>& jobs);

  SharedDatabase& shared_;
  const Bounds bounds_;

  mutable std::mutex mutex_;  // guards what follows
  std::unordered_map<ApprovalId, Entry> entries_;
  Fingerprints by_call_;
  std::unordered_map<TokenId, size_t> pending_of_token_;
  size_t pending_ = 0;
  std::multimap<ApprovalId, Waiter> waiters_;
  bool waits_closed_ = false;

  std::mutex listener_mutex_;  // guards what follows, also while it is called
  std::function<void(const Approval&)> listener_;

  std::mutex jobs_mutex_;  // guards what follows
  std::condition_variable work_;
  std::vector<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace satgate::store
