#include "store/approval_book.h"

#include <algorithm>
#include <future>
#include <utility>

#include "base/thread_name.h"
#include "store/approval_table.h"

namespace satgate::store {

Result<std::unique_ptr<ApprovalBook>> ApprovalBook::open(SharedDatabase& shared, Time now,
                                                         Bounds bounds) {
  std::unique_ptr<ApprovalBook> book(new ApprovalBook(shared, bounds));
  TRY(book->load(now));
  book->thread_ = std::thread([raw = book.get()] {
    name_this_thread("approvals");
    raw->loop();
  });
  return book;
}

ApprovalBook::~ApprovalBook() {
  close_waits();
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(jobs_mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  thread_.join();
}

Result<void> ApprovalBook::load(Time now) {
  const std::lock_guard database(shared_.mutex);
  TRY_ASSIGN(std::vector<Approval> all, load_approvals(shared_.database));
  for (Approval& one : all) {
    if (one.expires > now) {
      insert(std::move(one), true);
    } else {
      TRY(delete_approval(shared_.database, one.id));
    }
  }
  return {};
}

ApprovalBook::Standing ApprovalBook::standing(const Entry& entry) const {
  Answer answer = Answer::pending;
  if (entry.approval.state == ApprovalState::denied) answer = Answer::denied;
  if (entry.approval.state == ApprovalState::approved) {
    answer = entry.claimed ? Answer::in_use : Answer::approved;
  }
  return {answer, entry.approval.id, entry.approval.expires, entry.approval.reason};
}

bool ApprovalBook::has_room(const TokenId& token) const {
  const auto of_token = pending_of_token_.find(token);
  const size_t own = of_token == pending_of_token_.end() ? 0 : of_token->second;
  return pending_ < bounds_.all && own < bounds_.of_one_token;
}

void ApprovalBook::count(const Approval& approval, int by) {
  if (approval.state != ApprovalState::pending) return;
  pending_ += static_cast<size_t>(by);
  size_t& own = pending_of_token_[approval.token];
  own += static_cast<size_t>(by);
  if (own == 0) pending_of_token_.erase(approval.token);
}

void ApprovalBook::insert(Approval approval, bool stored) {
  count(approval, 1);
  by_call_[fingerprint(approval)] = approval.id;
  const ApprovalId id = approval.id;
  entries_[id] = {std::move(approval), false, stored};
}

void ApprovalBook::erase(const ApprovalId& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  count(found->second.approval, -1);
  by_call_.erase(fingerprint(found->second.approval));
  entries_.erase(found);
}

void ApprovalBook::wake(const ApprovalId& id, std::vector<std::function<void()>>& woken) {
  const auto [first, last] = waiters_.equal_range(id);
  for (auto it = first; it != last; ++it)
    woken.push_back(std::move(it->second.done));
  waiters_.erase(first, last);
}

void ApprovalBook::ask(Approval wanted, Time now, std::function<void(Standing)> done) {
  std::unique_lock lock(mutex_);
  const auto known = by_call_.find(fingerprint(wanted));
  if (known != by_call_.end()) {
    const Entry& entry = entries_.at(known->second);
    if (entry.approval.expires > now || entry.claimed) {
      const Standing found = standing(entry);
      const bool is_stored = entry.stored;
      lock.unlock();
      if (is_stored) return done(found);
      // Behind the commit that is under way.
      const Standing failed{Answer::failed, found.id, found.expires, {}};
      return queue({{}, {}, [=](bool is_there) { done(is_there ? found : failed); }});
    }
    const ApprovalId over = known->second;
    erase(over);
    queue({{}, over, [](bool) {}});
  }
  if (!has_room(wanted.token)) {
    lock.unlock();
    return done({Answer::full, {}, {}, {}});
  }
  insert(wanted, false);
  // In the order in which they were inserted.
  queue({wanted, {}, [this, wanted, done](bool is_stored) { stored(wanted, is_stored, done); }});
}

void ApprovalBook::stored(const Approval& approval, bool is_stored,
                          const std::function<void(Standing)>& done) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(approval.id);
    if (!is_stored) {
      erase(approval.id);
    } else if (found != entries_.end()) {
      found->second.stored = true;
    }
  }
  if (is_stored) {
    const std::lock_guard lock(listener_mutex_);
    if (listener_) listener_(approval);
  }
  done({is_stored ? Answer::pending : Answer::failed, approval.id, approval.expires, {}});
}

void ApprovalBook::wait(const ApprovalId& id, Time until, std::function<void()> done) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    const bool is_open =
        found != entries_.end() && found->second.approval.state == ApprovalState::pending;
    if (is_open && !waits_closed_) {
      waiters_.emplace(id, Waiter{until, std::move(done)});
      return;
    }
  }
  done();
}

void ApprovalBook::close_waits() {
  std::multimap<ApprovalId, Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    waits_closed_ = true;
    waiters.swap(waiters_);
  }
  for (const auto& [id, waiter] : waiters)
    waiter.done();
}

bool ApprovalBook::claim(const ApprovalId& id, Time now) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.claimed) return false;
  const Approval& approval = found->second.approval;
  if (approval.state != ApprovalState::approved || approval.expires <= now) return false;
  found->second.claimed = true;
  return true;
}

void ApprovalBook::release(const ApprovalId& id) {
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(id); found != entries_.end()) found->second.claimed = false;
}

void ApprovalBook::forget(const ApprovalId& id) {
  const std::lock_guard lock(mutex_);
  erase(id);
}

void ApprovalBook::spend(const ApprovalId& id, std::function<void(bool)> done) {
  queue({{}, id, [this, id, done](bool is_gone) {
           is_gone ? forget(id) : release(id);
           done(is_gone);
         }});
}

std::expected<Approval, ApprovalBook::Undecided> ApprovalBook::decide(const ApprovalId& id,
                                                                      ApprovalState decision,
                                                                      Time expires,
                                                                      std::string reason) {
  Approval decided;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end() || !found->second.stored) {
      return std::unexpected(Undecided::unknown);
    }
    Entry& entry = found->second;
    const bool is_open = entry.approval.state == ApprovalState::pending;
    const bool takes_back = entry.approval.state == ApprovalState::approved && !entry.claimed &&
                            decision == ApprovalState::denied;
    if (!is_open && !takes_back) return std::unexpected(Undecided::decided);
    entry.claimed = true;  // nobody uses it, and it does not expire, while it is written
    decided = entry.approval;
  }
  const Approval before = decided;
  decided.state = decision;
  decided.expires = expires;
  decided.shown.clear();
  decided.reason = std::move(reason);
  std::promise<bool> written;
  queue({decided, {}, [&written](bool is_stored) { written.set_value(is_stored); }});
  const bool is_stored = written.get_future().get();
  std::vector<std::function<void()>> woken;
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_.at(id);
    entry.claimed = false;
    if (is_stored) {
      count(before, -1);
      entry.approval = decided;
      wake(id, woken);
    }
  }
  for (const auto& done : woken)
    done();
  if (!is_stored) return std::unexpected(Undecided::failed);
  return decided;
}

std::optional<Approval> ApprovalBook::find(const ApprovalId& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return std::nullopt;
  return found->second.approval;
}

std::vector<Approval> ApprovalBook::list() const {
  std::vector<Approval> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_)
      if (entry.stored) all.push_back(entry.approval);
  }
  std::ranges::sort(all, {}, [](const Approval& one) { return std::pair(one.created, one.id); });
  return all;
}

void ApprovalBook::on_created(std::function<void(const Approval&)> listener) {
  const std::lock_guard lock(listener_mutex_);
  listener_ = std::move(listener);
}

void ApprovalBook::expire(Time now) {
  std::vector<std::function<void()>> woken;
  {
    const std::lock_guard lock(mutex_);
    std::vector<ApprovalId> over;
    for (const auto& [id, entry] : entries_)
      if (entry.approval.expires <= now && !entry.claimed && entry.stored) over.push_back(id);
    for (const ApprovalId& id : over) {
      erase(id);
      wake(id, woken);
      queue({{}, id, [](bool) {}});
    }
    for (auto it = waiters_.begin(); it != waiters_.end();) {
      const auto next = std::next(it);
      if (it->second.until <= now) {
        woken.push_back(std::move(it->second.done));
        waiters_.erase(it);
      }
      it = next;
    }
  }
  for (const auto& done : woken)
    done();
}

void ApprovalBook::queue(Job job) {
  {
    const std::lock_guard lock(jobs_mutex_);
    jobs_.push_back(std::move(job));
  }
  work_.notify_one();
}

void ApprovalBook::loop() {
  while (true) {
    std::vector<Job> jobs;
    {
      std::unique_lock lock(jobs_mutex_);
      work_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      jobs.swap(jobs_);
    }
    const bool is_stored = commit(jobs).has_value();
    for (const Job& job : jobs)
      job.done(is_stored);
  }
}

Result<void> ApprovalBook::commit(const std::vector<Job>& jobs) {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(auto transaction, sqlite::Transaction::begin(shared_.database));
  for (const Job& job : jobs) {
    if (job.put) TRY(put_approval(shared_.database, *job.put));
    if (job.remove) TRY(delete_approval(shared_.database, *job.remove));
  }
  return transaction.commit();
}

}  // namespace satgate::store
