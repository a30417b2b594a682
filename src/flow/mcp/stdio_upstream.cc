// An MCP server as a child process: one JSON-RPC message a line on stdin and stdout.
#include <map>
#include <utility>

#include "base/text.h"
#include "dialect/mcp/message.h"
#include "flow/mcp/upstream.h"
#include "net/child.h"

namespace satgate::flow::mcp {
namespace {

namespace mcp = dialect::mcp;

constexpr std::chrono::milliseconds kForever{24 * 3600 * 1000};  // the flight ends the wait
constexpr size_t kStderrKept = 200;  // of its last line, to say why a server ended

class StdioUpstream final : public Upstream {
 public:
  using Upstream::Upstream;

 private:
  struct Pending {
    explicit Pending(net::Loop& loop) : event(loop) {}
    net::Event event;
    Outcome outcome;
    bool answered = false;
    bool written = false;
    bool ended = false;  // the server has gone before it answered
  };

  net::Task<Result<void>> connect() override;
  net::Task<> disconnect() override;
  net::Task<Answer> exchange(Outgoing outgoing, std::shared_ptr<Flight> flight) override;
  net::Task<> notify(std::string text) override;
  void joined(std::string_view) override {}
  bool is_http() const override { return false; }

  std::shared_ptr<StdioUpstream> self() {
    return std::static_pointer_cast<StdioUpstream>(shared_from_this());
  }
  static net::Task<> write(std::shared_ptr<net::Child> child, std::shared_ptr<Pending> pending,
                           std::string line);
  static net::Task<> read(std::shared_ptr<StdioUpstream> self, std::shared_ptr<net::Child> child);
  void line_came(const std::string& line);
  void ended(const std::shared_ptr<net::Child>& child);
  void end_pending();

  std::shared_ptr<net::Child> child_;
  std::map<uint64_t, std::shared_ptr<Pending>> pending_;
  std::shared_ptr<std::string> last_stderr_ = std::make_shared<std::string>();
};

net::Task<Result<void>> StdioUpstream::connect() {
  const auto& command = std::get<StdioCommand>(config_.transport);
  net::ChildOptions options;
  options.command = command.command;
  options.args = command.args;
  options.env = command.env;
  last_stderr_->clear();
  const auto last = last_stderr_;
  net::Child::OnStderr on_stderr = [last](std::string_view line) {
    *last = line.substr(0, kStderrKept);
  };
  auto child = net::Child::spawn(loop_, std::move(options), std::move(on_stderr));
  if (!child) co_return std::unexpected(child.error());
  child_ = std::move(*child);
  net::spawn(loop_, read(self(), child_));
  co_return Result<void>();
}

net::Task<> StdioUpstream::disconnect() {
  const auto child = std::exchange(child_, nullptr);
  end_pending();  // not left to the end of stdout: a grandchild may hold that open
  if (child) co_await child->shutdown();
}

void StdioUpstream::end_pending() {
  for (const auto& [id, pending] : pending_) {
    pending->ended = true;
    pending->event.notify();
  }
}

// Writing is a task of its own: a server that does not read its stdin must not hold up the
// deadline of the call.
net::Task<> StdioUpstream::write(std::shared_ptr<net::Child> child,
                                 std::shared_ptr<Pending> pending, std::string line) {
  mcp::make_one_line(line);
  const auto written = co_await child->write_line(std::move(line));
  if (pending) pending->written = written.has_value();
}

net::Task<Answer> StdioUpstream::exchange(Outgoing outgoing, std::shared_ptr<Flight> flight) {
  const auto child = child_;
  if (!child || child->exit_status()) {
    co_return std::unexpected(unsent(503, config_.name + " is not running"));
  }
  if (flight->ended() != Flight::End::none) co_return std::unexpected(interrupted(*flight, false));
  const auto pending = std::make_shared<Pending>(loop_);
  pending_[outgoing.id] = pending;
  const Flight::Waiting waiting(*flight, pending->event);
  net::spawn(loop_, write(child, pending, std::move(outgoing.text)));
  co_await pending->event.wait(kForever);
  pending_.erase(outgoing.id);
  if (pending->answered) co_return std::move(pending->outcome);
  if (pending->ended) {
    co_return std::unexpected(sent(502, config_.name + " ended before it answered"));
  }
  if (!pending->written && flight->ended() == Flight::End::overdue) {
    set_broken("it does not read its input");
  }
  co_return std::unexpected(interrupted(*flight, true));
}

// Waits until it has been taken.
net::Task<> StdioUpstream::notify(std::string text) {
  const auto child = child_;
  if (!child) co_return;
  mcp::make_one_line(text);
  co_await child->write_line(std::move(text));
}

net::Task<> StdioUpstream::read(std::shared_ptr<StdioUpstream> self,
                                std::shared_ptr<net::Child> child) {
  for (;;) {
    const auto line = co_await child->read_line();
    if (!line || !*line) break;
    self->line_came(**line);
  }
  self->ended(child);
}

void StdioUpstream::line_came(const std::string& line) {
  const auto message = mcp::read_upstream(line, json_);
  if (!message) return;  // servers print other things, too
  if (message->kind != mcp::Message::Kind::response) {
    incoming(*message, nullptr);
  } else if (const auto id = parse_uint(message->id)) {
    const auto found = pending_.find(*id);
    if (found != pending_.end() && !found->second->answered) {
      found->second->outcome.result = message->result;
      found->second->outcome.error = message->error;
      found->second->answered = true;
      found->second->event.notify();
    }
  }
  json_.forget();
}

void StdioUpstream::ended(const std::shared_ptr<net::Child>& child) {
  if (child_ != child || stopping_) return;
  end_pending();
  set_broken(last_stderr_->empty() ? "it ended" : "it ended: " + *last_stderr_);
}

}  // namespace

std::shared_ptr<Upstream> make_stdio_upstream(net::Loop& loop, ServerConfig config,
                                              HubOptions options, Connection connection,
                                              std::weak_ptr<UpstreamEvents> events) {
  return std::make_shared<StdioUpstream>(loop, std::move(config), std::move(options),
                                         std::move(connection), std::move(events));
}

}  // namespace satgate::flow::mcp
