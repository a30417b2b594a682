#include "net/loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.h"
#include "base/thread_name.h"
#include "net/descriptor.h"

namespace satgate::net {

namespace {
constexpr Milliseconds kForever{60'000};
thread_local Loop* current_loop = nullptr;
}  // namespace

// ---- Inbox

void Inbox::put(Item item) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  items_.push_back(std::move(item));
  if (std::exchange(asleep_, false)) wake();
}

bool Inbox::take(std::vector<Item>& items) {
  const std::lock_guard lock(mutex_);
  asleep_ = false;
  items.swap(items_);
  return !items.empty();
}

bool Inbox::may_sleep() {
  const std::lock_guard lock(mutex_);
  asleep_ = items_.empty();
  return asleep_;
}

void Inbox::wake() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the loop is being woken already.
  static_cast<void>(!::write(wake_, &one, sizeof one));
}

void Inbox::close() {
  std::vector<Item> dropped;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  dropped.swap(items_);
}

std::shared_ptr<Inbox> current_inbox() {
  RELEASE_ASSERT(current_loop != nullptr);
  return current_loop->inbox();
}

void resume_in(Inbox& inbox, std::coroutine_handle<> waiter) {
  if (current_loop != nullptr && current_loop->inbox().get() == &inbox) {
    current_loop->make_ready(waiter);
  } else {
    inbox.put(waiter);
  }
}

// ---- Spawned tasks

// In the list of what the loop owns for as long as the coroutine lives.
struct Loop::Root {
  explicit Root(Loop& owner) : loop(owner), next(owner.roots_) {
    if (next != nullptr) next->previous = this;
    owner.roots_ = this;
  }
  ~Root() {
    if (next != nullptr) next->previous = previous;
    (previous != nullptr ? previous->next : loop.roots_) = next;
  }
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;

  Loop& loop;
  Root* next;
  Root* previous = nullptr;
  std::coroutine_handle<> handle;
};

// A coroutine that nobody awaits. It destroys itself at its end.
struct Loop::RootTask {
  struct promise_type {
    promise_type(Loop& owner, Task<>&) : root(owner) {}
    static void* operator new(size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame, size_t size) noexcept { free_frame(frame, size); }
    RootTask get_return_object() {
      root.handle = std::coroutine_handle<promise_type>::from_promise(*this);
      return {root.handle};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    // Nobody could say what the task had done with money: stop and recover from the journal.
    void unhandled_exception() noexcept { RELEASE_ASSERT(false); }

    Root root;
  };
  std::coroutine_handle<> handle;

  static RootTask run(Loop&, Task<> task) { co_await std::move(task); }
};

void Loop::adopt(Task<> task) {
  make_ready(RootTask::run(*this, std::move(task)).handle);
}

void spawn(Loop& loop, Task<> task) {
  if (current_loop == &loop) {
    loop.adopt(std::move(task));
  } else {
    loop.post([&loop, one = std::move(task)]() mutable { loop.adopt(std::move(one)); });
  }
}

// ---- Loop

Loop::Loop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  // Without them there is no gateway; at the start of a process there is nothing to lose either.
  RELEASE_ASSERT(epoll_ >= 0 && wake_ >= 0);
  inbox_ = std::make_shared<Inbox>(wake_);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  RELEASE_ASSERT(::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) == 0);
}

Loop::~Loop() {
  stop();
  join();
  abandon();
  ::close(wake_);
  ::close(epoll_);
}

void Loop::abandon() {
  inbox_->close();
  while (roots_ != nullptr)
    roots_->handle.destroy();
}

void Loop::start(std::string name) {
  RELEASE_ASSERT(!thread_.joinable());
  thread_ = std::thread([this, own = std::move(name)] {
    name_this_thread(own);
    run();
  });
}

void Loop::run() {
  run_for(Milliseconds::max());
}

void Loop::run_for(Milliseconds at_most) {
  Loop* const outer = std::exchange(current_loop, this);
  runner_.store(std::this_thread::get_id());
  const auto start = Wheel::Clock::now();
  while (!stopping_.load(std::memory_order_acquire)) {
    Milliseconds left = kForever;
    if (at_most != Milliseconds::max()) {
      left = at_most - std::chrono::floor<Milliseconds>(Wheel::Clock::now() - start);
      if (left <= Milliseconds{0}) break;
    }
    turn(std::min(left, kForever));
  }
  stopping_.store(false, std::memory_order_release);
  runner_.store(std::thread::id{});
  current_loop = outer;
}

void Loop::stop() {
  stopping_.store(true, std::memory_order_release);
  inbox_->put(std::coroutine_handle<>());
}

void Loop::join() {
  if (thread_.joinable()) thread_.join();
}

void Loop::post(std::move_only_function<void()> work) {
  inbox_->put(std::move(work));
}

bool Loop::in_loop_thread() const {
  return runner_.load() == std::this_thread::get_id();
}

Wheel::Clock::time_point Loop::now() const {
  return in_turn_ ? now_ : Wheel::Clock::now();
}

bool Loop::watch(int descriptor, Descriptor& watcher) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &watcher;
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void Loop::forget(Descriptor& watcher) {
  for (epoll_event& event : undelivered_) {
    if (event.data.ptr == &watcher) event.data.ptr = nullptr;
  }
  std::erase(again_, &watcher);
  std::ranges::replace(looking_, &watcher, nullptr);
}

void Loop::turn(Milliseconds at_most) {
  now_ = Wheel::Clock::now();
  in_turn_ = true;
  ++turns_;
  wheel_.turn(now_);
  run_again();
  run_inbox();
  run_ready();
  end_turn();
  in_turn_ = false;
  wait(at_most);
}

void Loop::run_again() {
  looking_.swap(again_);
  for (size_t i = 0; i < looking_.size(); ++i) {
    if (looking_[i] != nullptr) looking_[i]->renew_share();
  }
  looking_.clear();
}

void Loop::run_inbox() {
  if (!inbox_->take(taken_)) return;
  for (Inbox::Item& item : taken_) {
    if (auto* const waiter = std::get_if<std::coroutine_handle<>>(&item)) {
      if (*waiter) make_ready(*waiter);
    } else {
      std::get<std::move_only_function<void()>>(item)();
    }
  }
  taken_.clear();
}

void Loop::run_ready() {
  while (!ready_.empty()) {
    running_.swap(ready_);
    for (size_t i = 0; i < running_.size(); ++i) {
      if (stopping_.load(std::memory_order_relaxed)) {
        // They keep their place for the next run.
        ready_.insert(ready_.begin(), running_.begin() + static_cast<ptrdiff_t>(i), running_.end());
        running_.clear();
        return;
      }
      running_[i].resume();
    }
    running_.clear();
  }
}

// A hook may make coroutines ready, and they may give the hooks something to do again.
void Loop::end_turn() {
  while (!stopping_.load(std::memory_order_relaxed)) {
    for (size_t i = 0; i < hooks_.size(); ++i)
      hooks_[i]->at_end_(hooks_[i]->subject_);
    if (ready_.empty()) return;
    run_ready();
  }
}

// Waits for events and hands them to their descriptors, which make coroutines ready.
void Loop::wait(Milliseconds at_most) {
  if (stopping_.load(std::memory_order_acquire)) return;
  const auto quiet = wheel_.quiet_for(now_);
  if (quiet) at_most = std::min(at_most, *quiet);
  if (!again_.empty() || !inbox_->may_sleep()) at_most = Milliseconds{0};
  const int count = ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()),
                                 static_cast<int>(at_most.count()));
  if (count <= 0) return;
  const auto events = std::span(events_).first(static_cast<size_t>(count));
  for (size_t i = 0; i < events.size(); ++i) {
    undelivered_ = events.subspan(i + 1);
    auto* const watcher = static_cast<Descriptor*>(events[i].data.ptr);
    if (watcher != nullptr) watcher->on_events(events[i].events);
  }
  undelivered_ = {};
}

TurnHook::TurnHook(Loop& loop, Callback at_end, void* subject)
    : loop_(loop), at_end_(at_end), subject_(subject) {
  loop_.hooks_.push_back(this);
}

TurnHook::~TurnHook() {
  std::erase(loop_.hooks_, this);
}

// ---- Waiting

Task<> sleep(Loop& loop, Milliseconds delay) {
  Event never(loop);
  co_await never.wait(delay);
}

void Event::wake() {
  if (waiter_) loop_.make_ready(std::exchange(waiter_, nullptr));
}

void Event::notify() {
  notified_ = true;
  wake();
}

void Event::cancel() noexcept {
  cancelled_ = true;
  wake();
}

}  // namespace satgate::net
