#include "net/resolver.h"

#include <netdb.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/thread_name.h"

namespace satgate::net {
namespace {

constexpr size_t kThreadsMax = 4;
constexpr size_t kAddressesMax = 4;  // of one name; tried one after the other

struct Lookup {
  std::string host;
  uint16_t port = 0;
  std::move_only_function<void(std::vector<Endpoint>)> done;
};

std::vector<Endpoint> look_up(const Lookup& lookup) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(lookup.port);
  std::vector<Endpoint> endpoints;
  if (::getaddrinfo(lookup.host.c_str(), service.c_str(), &hints, &found) != 0) return endpoints;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    if (endpoints.size() < kAddressesMax) endpoints.emplace_back(*one->ai_addr, one->ai_addrlen);
  }
  ::freeaddrinfo(found);
  return endpoints;
}

class Resolver {
 public:
  void add(Lookup lookup) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(lookup));
    if (idle_ >= waiting_.size() || threads_ == kThreadsMax) {
      work_.notify_one();
      return;
    }
    ++threads_;
    std::thread([this] { run(); }).detach();
  }

 private:
  void run() {
    name_this_thread("resolver");
    std::unique_lock lock(mutex_);
    while (true) {
      while (waiting_.empty()) {
        ++idle_;
        work_.wait(lock);
        --idle_;
      }
      Lookup lookup = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      lookup.done(look_up(lookup));
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Lookup> waiting_;
  size_t threads_ = 0;
  size_t idle_ = 0;
};

}  // namespace

void resolve(std::string host, uint16_t port,
             std::move_only_function<void(std::vector<Endpoint>)> done) {
  // Never destroyed: its threads may still look something up when the process ends.
  static Resolver& resolver = *new Resolver();
  resolver.add({std::move(host), port, std::move(done)});
}

}  // namespace satgate::net
