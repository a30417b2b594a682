// Messages on their way to one client: put in from any thread, taken by whoever answers it, on its
// own loop. A client may come back by another connection: then the later reader takes over.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/loop.h"
#include "net/task.h"

namespace satgate::flow::mcp {

class Outbox {
 public:
  enum class Kind : uint8_t {
    notice,  // may be lost where a client does not keep up
    ask,     // a request of a server
    round,   // the answer for now: the client is asked, and comes again
    final,   // the answer
  };
  struct Item {
    Kind kind = Kind::notice;
    std::string text;  // one JSON-RPC message
  };
  class Reader;

  void put(Item item);
  // Answers that nobody has taken yet.
  void change_answers(const std::function<void(std::string&)>& change);
  // Nothing more will come: readers take what is there, and end.
  void close();
  bool is_closed() const;
  bool is_full() const;  // notices are lost

 private:
  struct Bell {
    explicit Bell(net::Loop& l) : loop(l), event(l) {}
    net::Loop& loop;
    net::Event event;
  };
  static void ring(const std::shared_ptr<Bell>& bell);
  bool has_no_room() const;

  mutable std::mutex mutex_;
  std::vector<Item> items_;
  size_t bytes_ = 0;
  bool closed_ = false;
  std::shared_ptr<Bell> bell_;  // of the reader
};

class Outbox::Reader {
 public:
  Reader(std::shared_ptr<Outbox> box, net::Loop& loop);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // What has come, in its order. Empty: time is up, waiting() was cancelled, displaced(), or the
  // outbox is closed.
  net::Task<std::vector<Item>> take(net::Milliseconds at_most);
  // What was taken, and could not be handed on, for who comes after.
  void give_back(std::vector<Item> items);
  net::Cancellable& waiting() { return bell_->event; }
  bool displaced() const;  // a later reader has taken over

 private:
  std::shared_ptr<Outbox> box_;
  std::shared_ptr<Bell> bell_;
};

}  // namespace satgate::flow::mcp
