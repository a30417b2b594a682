#include "flow/mcp/flight.h"

#include <algorithm>
#include <utility>

namespace satgate::flow::mcp {
namespace {

constexpr std::chrono::milliseconds kForever{24 * 3600 * 1000};

}  // namespace

Flight::Waiting::Waiting(Flight& flight, net::Cancellable& what) : flight_(flight), what_(&what) {
  flight.waiting_.push_back(what_);
  if (flight.ended_ != End::none) what.cancel();
}

Flight::Waiting::~Waiting() {
  std::erase(flight_.waiting_, what_);
}

void Flight::arm(std::chrono::milliseconds at_most) {
  left_ = at_most;
  armed_ = true;
  if (pauses_ > 0) return;
  due_ = loop_.now() + at_most;
  deadline_.arm(at_most);
}

void Flight::disarm() {
  armed_ = false;
  deadline_.disarm();
}

void Flight::pause() {
  if (pauses_++ > 0 || !armed_) return;
  left_ = std::max(std::chrono::duration_cast<std::chrono::milliseconds>(due_ - loop_.now()),
                   std::chrono::milliseconds(0));
  deadline_.disarm();
}

void Flight::resume() {
  if (--pauses_ > 0 || !armed_) return;
  due_ = loop_.now() + left_;
  deadline_.arm(left_);
}

void Flight::end(End why, Fault fault) {
  if (ended_ != End::none) return;
  ended_ = why;
  fault_ = std::move(fault);
  for (net::Cancellable* what : waiting_)
    what->cancel();
}

void Flight::close() {
  closed_ = true;
  disarm();
  for (net::Cancellable* what : waiting_)
    what->cancel();
}

bool Flight::withdraw(const std::string& ask_id, std::string_view reason) {
  if (open_asks.erase(ask_id) == 0) return false;
  const auto is_it = [&ask_id](const LegacyAsk& one) { return one.id == ask_id && !one.withdrawn; };
  if (std::erase_if(waiting_asks, is_it) > 0) return true;
  const auto found = std::ranges::find_if(round, is_it);
  if (found == round.end()) return true;
  found->withdrawn = true;
  const uint64_t number = found->ask.number;
  const auto asked = running.lock();
  const bool is_last = std::ranges::all_of(round, &LegacyAsk::withdrawn);
  listener->withdrawn(number, reason);
  if (is_last && asked) asked->end();
  return true;
}

net::Task<std::optional<std::expected<AskReply, Fault>>> AskRound::run(
    net::Loop& loop, std::shared_ptr<Flight> flight, std::vector<Ask> asks) {
  const auto round = std::make_shared<AskRound>(loop, flight);
  flight->running = round;
  const Flight::Waiting waiting(*flight, round->answered_);
  flight->pause();
  net::spawn(loop, listen(round, std::move(asks)));
  co_await round->answered_.wait(kForever);
  flight->resume();
  co_return std::move(round->reply_);
}

net::Task<> AskRound::listen(std::shared_ptr<AskRound> self, std::vector<Ask> asks) {
  const auto listener = self->flight_->listener;
  auto reply = co_await listener->ask(std::move(asks));
  self->reply_ = std::move(reply);
  self->answered_.notify();
}

}  // namespace satgate::flow::mcp
