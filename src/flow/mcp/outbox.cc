#include "flow/mcp/outbox.h"

#include <utility>

#include "base/limits.h"

namespace satgate::flow::mcp {

void Outbox::ring(const std::shared_ptr<Bell>& bell) {
  if (bell->loop.in_loop_thread()) return bell->event.notify();
  bell->loop.post([bell] { bell->event.notify(); });
}

void Outbox::put(Item item) {
  std::shared_ptr<Bell> bell;
  {
    const std::lock_guard lock(mutex_);
    if (item.kind == Kind::notice && has_no_room()) return;
    bytes_ += item.text.size();
    items_.push_back(std::move(item));
    bell = bell_;
  }
  if (bell) ring(bell);
}

void Outbox::change_answers(const std::function<void(std::string&)>& change) {
  const std::lock_guard lock(mutex_);
  for (Item& item : items_) {
    if (item.kind == Kind::final || item.kind == Kind::round) change(item.text);
  }
}

// Under the lock.
bool Outbox::has_no_room() const {
  return bytes_ >= limits::mcp_outbox_bytes_max || items_.size() >= limits::mcp_outbox_items_max;
}

bool Outbox::is_full() const {
  const std::lock_guard lock(mutex_);
  return has_no_room();
}

void Outbox::Reader::give_back(std::vector<Item> items) {
  const std::lock_guard lock(box_->mutex_);
  for (const Item& item : items)
    box_->bytes_ += item.text.size();
  box_->items_.insert(box_->items_.begin(), std::make_move_iterator(items.begin()),
                      std::make_move_iterator(items.end()));
}

void Outbox::close() {
  std::shared_ptr<Bell> bell;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    bell = bell_;
  }
  if (bell) ring(bell);
}

bool Outbox::is_closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

Outbox::Reader::Reader(std::shared_ptr<Outbox> box, net::Loop& loop)
    : box_(std::move(box)), bell_(std::make_shared<Bell>(loop)) {
  std::shared_ptr<Bell> before;
  {
    const std::lock_guard lock(box_->mutex_);
    before = std::exchange(box_->bell_, bell_);
  }
  if (before) ring(before);
}

Outbox::Reader::~Reader() {
  const std::lock_guard lock(box_->mutex_);
  if (box_->bell_ == bell_) box_->bell_ = nullptr;
}

bool Outbox::Reader::displaced() const {
  const std::lock_guard lock(box_->mutex_);
  return box_->bell_ != bell_;
}

net::Task<std::vector<Outbox::Item>> Outbox::Reader::take(net::Milliseconds at_most) {
  std::vector<Item> taken;
  for (;;) {
    {
      const std::lock_guard lock(box_->mutex_);
      if (box_->bell_ != bell_) co_return taken;
      taken.swap(box_->items_);
      box_->bytes_ = 0;
      if (!taken.empty() || box_->closed_) co_return taken;
    }
    const bool is_told = co_await bell_->event.wait(at_most);
    if (!is_told) co_return taken;
  }
}

}  // namespace satgate::flow::mcp
