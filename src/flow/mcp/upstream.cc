#include "flow/mcp/upstream.h"

#include <algorithm>
#include <utility>

#include "base/json_out.h"
#include "base/text.h"
#include "dialect/mcp/message.h"
#include "dialect/mcp/version.h"

namespace satgate::flow::mcp {
namespace {

namespace mcp = dialect::mcp;
using std::chrono::milliseconds;

constexpr size_t kToolPagesMax = 32;
constexpr milliseconds kRefreshEvery{5 * 60 * 1000};  // for servers that announce no changes
constexpr milliseconds kStopWait{10'000};
constexpr size_t kErrorTextMax = 300;

std::string member_of(const std::vector<mcp::RawMember>& members, std::string_view key) {
  for (const mcp::RawMember& m : members) {
    if (m.key == key) return std::string(m.value);
  }
  return {};
}

std::string text_of(std::string_view raw, mcp::RawJson& json) {
  const auto text = json.unescape(raw);
  return text ? std::string(*text) : std::string();
}

bool same_tools(const std::vector<mcp::Tool>& a, const std::vector<mcp::Tool>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const mcp::Tool& x, const mcp::Tool& y) {
                      return x.name == y.name && x.before_name == y.before_name &&
                             x.after_name == y.after_name && x.meta_members == y.meta_members;
                    });
}

CallFailure failure(bool was_sent, int http_status, std::string message) {
  CallFailure out;
  out.fault.source = Fault::Source::upstream;
  out.fault.retry = was_sent ? Fault::Retry::no : Fault::Retry::yes;
  out.fault.sent_upstream = was_sent;
  out.fault.http_status = http_status;
  out.fault.message = std::move(message);
  return out;
}

}  // namespace

CallFailure unsent(int http_status, std::string message) {
  return failure(false, http_status, std::move(message));
}

CallFailure sent(int http_status, std::string message) {
  return failure(true, http_status, std::move(message));
}

Upstream::Upstream(net::Loop& loop, ServerConfig config, HubOptions options)
    : loop_(loop),
      config_(std::move(config)),
      options_(std::move(options)),
      wake_(loop),
      pause_(loop),
      ended_(loop),
      delay_(options_.backoff_min) {
  status_.name = config_.name;
  status_.transport = std::holds_alternative<StdioCommand>(config_.transport) ? "stdio" : "http";
}

void Upstream::start(std::function<void()> on_change) {
  on_change_ = std::move(on_change);
  if (users_++ > 0) return;
  running_ = true;
  net::spawn(loop_, supervise());
}

net::Task<> Upstream::stop() {
  const auto self = shared_from_this();
  if (--users_ > 0) co_return;
  stopping_ = true;
  wake_.notify();
  pause_.cancel();
  if (!ready_) co_await disconnect();  // ends a handshake in progress
  if (running_) co_await ended_.wait(kStopWait);
}

ServerStatus Upstream::status() const {
  const std::lock_guard lock(status_mutex_);
  return status_;
}

// The life of a server: connect, shake hands, serve until something breaks, and again.
net::Task<> Upstream::supervise() {
  const auto self = shared_from_this();
  while (!stopping_) {
    broken_ = at_once_ = false;
    const auto joined_it = co_await join();
    if (joined_it) {
      set_ready();
      co_await serve();
    } else if (!broken_) {  // else it has said why by itself
      set_down(joined_it.error().message);
    }
    ready_ = false;
    co_await disconnect();
    if (stopping_) break;
    if (!at_once_) {
      renewing_ = false;
      co_await pause_.wait(delay_);
      delay_ = std::min(delay_ * 2, options_.backoff_max);
    }
    const std::lock_guard lock(status_mutex_);
    status_.restarts += 1;
  }
  running_ = false;
  ended_.notify();
}

net::Task<Result<void>> Upstream::join() {
  const auto connected = co_await connect();
  if (!connected) co_return connected;
  std::string params = R"({"protocolVersion":")" + std::string(mcp::kLatestLegacy) +
                       R"(","capabilities":{},"clientInfo":{"name":"satgate","version":)";
  append_json_string(params, options_.version);
  params += "}}";
  std::string method = "initialize";
  const auto hello = co_await ask(std::move(method), std::move(params));
  if (!hello) co_return fail(hello.error().fault.message);
  if (hello->result.empty()) co_return fail("initialize was answered with an error");
  const auto version = read_initialize(hello->result);
  if (!version) co_return std::unexpected(version.error());
  joined(*version);
  std::string initialized;
  mcp::append_notification(initialized, "notifications/initialized", {});
  co_await notify(std::move(initialized));
  auto tools = co_await list_tools();
  if (!tools) co_return std::unexpected(tools.error());
  set_tools(std::move(*tools));
  co_return Result<void>();
}

net::Task<> Upstream::serve() {
  while (!stopping_ && !broken_) {
    co_await wake_.wait(kRefreshEvery);
    if (stopping_ || broken_) break;
    refresh_ = false;
    auto tools = co_await list_tools();
    if (tools) {
      set_tools(std::move(*tools));
    } else if (!stopping_) {
      set_broken(tools.error().message);
    }
    if (refresh_) wake_.notify();
  }
}

net::Task<Answer> Upstream::ask(std::string method, std::string params) {
  Outgoing outgoing;
  outgoing.id = ++next_id_;
  outgoing.timeout = options_.handshake_wait;
  outgoing.opens_session = method == "initialize";
  mcp::append_request(outgoing.text, std::to_string(outgoing.id), method, params);
  co_return co_await exchange(std::move(outgoing));
}

net::Task<Result<std::vector<mcp::Tool>>> Upstream::list_tools() {
  std::vector<mcp::Tool> tools;
  if (!capabilities_.tools) co_return tools;
  std::string params;
  for (size_t i = 0; i < kToolPagesMax; ++i) {
    std::string method = "tools/list";
    const auto answer = co_await ask(std::move(method), std::move(params));
    if (!answer) co_return fail(answer.error().fault.message);
    auto page = mcp::read_tools_page(answer->result.empty() ? "{}" : answer->result, json_);
    json_.forget();
    if (!page) co_return fail("tools/list was answered with something else");
    for (mcp::Tool& tool : page->tools) {
      if (tools.size() < mcp::kToolsPerServerMax) tools.push_back(std::move(tool));
    }
    if (!page->next_cursor) break;
    params = R"({"cursor":)";
    append_json_string(params, *page->next_cursor);
    params += '}';
  }
  co_return tools;
}

// Who answered, what it offers, and which revision it chose.
Result<std::string> Upstream::read_initialize(std::string_view result) {
  TRY_ASSIGN(const auto members, json_.members(result));
  const std::string version = text_of(member_of(members, "protocolVersion"), json_);
  if (!mcp::is_legacy_version(version)) return fail("it speaks no version of MCP that we know");
  mcp::Capabilities offers;
  offers.tools = false;
  if (const std::string raw = member_of(members, "capabilities"); !raw.empty()) {
    TRY_ASSIGN(const auto abilities, json_.members(raw));
    for (const mcp::RawMember& m : abilities) {
      offers.tools = offers.tools || m.key == "tools";
      offers.resources = offers.resources || m.key == "resources";
      offers.prompts = offers.prompts || m.key == "prompts";
      offers.completions = offers.completions || m.key == "completions";
      offers.logging = offers.logging || m.key == "logging";
    }
  }
  capabilities_ = offers;
  std::string info;
  if (const std::string raw = member_of(members, "serverInfo"); !raw.empty()) {
    TRY_ASSIGN(const auto fields, json_.members(raw));
    info = text_of(member_of(fields, "name"), json_) + " " +
           text_of(member_of(fields, "version"), json_);
  }
  json_.forget();
  const std::lock_guard lock(status_mutex_);
  status_.server_info = info.substr(0, kErrorTextMax);
  return version;
}

void Upstream::set_tools(std::vector<mcp::Tool> tools) {
  {
    const std::lock_guard lock(status_mutex_);
    status_.tools = tools.size();
  }
  if (same_tools(tools, tools_)) return;
  tools_ = std::move(tools);
  on_change_();
}

void Upstream::set_ready() {
  {
    const std::lock_guard lock(status_mutex_);
    status_.state = ServerStatus::State::ready;
    status_.last_error.clear();
  }
  generation_ += 1;
  ready_ = true;
  renewing_ = false;
  wake_waiters();
}

void Upstream::set_down(std::string why) {
  {
    const std::lock_guard lock(status_mutex_);
    status_.state = ServerStatus::State::down;
    status_.last_error = why.substr(0, kErrorTextMax);
  }
  wake_waiters();
}

void Upstream::wake_waiters() {
  for (const auto& waiter : std::exchange(waiters_, {}))
    waiter->notify();
  if (std::exchange(settled_, true)) return;
  on_change_();
}

void Upstream::set_broken(std::string why) {
  if (broken_) return;
  broken_ = true;
  ready_ = false;
  set_down(std::move(why));
  wake_.notify();
}

net::Task<bool> Upstream::await_ready(uint64_t after, milliseconds at_most) {
  if (ready_ && generation_ > after) co_return true;
  const auto event = std::make_shared<net::Event>(loop_);
  waiters_.push_back(event);
  co_await event->wait(at_most);
  co_return ready_&& generation_ > after;
}

Result<Outgoing> Upstream::prepare(const Request& request) {
  Outgoing outgoing;
  outgoing.id = ++next_id_;
  outgoing.timeout = config_.timeout;
  const std::string id = std::to_string(outgoing.id);
  mcp::ParamsRewrite rewrite;
  rewrite.name = request.tool;
  std::string client_token;
  if (request.on_progress) {
    const auto meta = mcp::read_meta(request.params, json_);
    if (!meta) return fail(meta.error().message);
    client_token = meta->progress_token;
    if (!client_token.empty()) rewrite.progress_token = id;
  }
  std::string params;
  const auto rewritten = mcp::append_params(params, request.params, rewrite, json_);
  json_.forget();
  TRY(rewritten);
  mcp::append_request(outgoing.text, id, request.method, params);
  if (!client_token.empty()) progress_[outgoing.id] = {client_token, request.on_progress};
  return outgoing;
}

net::Task<Answer> Upstream::call_once(const Request& request) {
  if (!ready_) co_return std::unexpected(unsent(503, config_.name + " is not ready"));
  if (in_flight_ >= options_.calls_in_flight_max) {
    co_return std::unexpected(unsent(503, config_.name + " has too many calls in flight"));
  }
  auto outgoing = prepare(request);
  if (!outgoing) {
    CallFailure unreadable = unsent(400, outgoing.error().message);
    unreadable.fault.source = Fault::Source::client;
    unreadable.fault.retry = Fault::Retry::no;
    co_return std::unexpected(std::move(unreadable));
  }
  const uint64_t id = outgoing->id;
  in_flight_ += 1;
  auto answer = co_await exchange(std::move(*outgoing));
  in_flight_ -= 1;
  progress_.erase(id);
  co_return answer;
}

net::Task<std::expected<Outcome, Fault>> Upstream::call(Request request) {
  const auto self = shared_from_this();
  {
    const std::lock_guard lock(status_mutex_);
    status_.calls += 1;
  }
  if (!ready_ && renewing_) co_await await_ready(generation_, options_.handshake_wait);
  const uint64_t generation = generation_;
  auto answer = co_await call_once(request);
  if (!answer && answer.error().session_lost) {
    if (ready_ && generation == generation_) {
      at_once_ = renewing_ = true;
      set_broken("the session was lost");
    }
    const bool back = co_await await_ready(generation, options_.handshake_wait);
    if (back) answer = co_await call_once(request);
  }
  if (answer) {
    delay_ = options_.backoff_min;
    co_return std::move(*answer);
  }
  const std::lock_guard lock(status_mutex_);
  status_.faults += 1;
  co_return std::unexpected(std::move(answer.error().fault));
}

std::string Upstream::incoming(const mcp::Message& message) {
  std::string answer;
  if (message.kind == mcp::Message::Kind::request) {
    if (message.method == "ping") {
      mcp::append_result(answer, message.id, "{}");
    } else {
      mcp::RpcError error;
      error.code = mcp::kMethodNotFound;
      error.message = "Method not found";
      mcp::append_error(answer, message.id, error);
    }
    return answer;
  }
  if (message.method == "notifications/tools/list_changed") {
    refresh_ = true;
    wake_.notify();
  } else if (message.method == "notifications/progress") {
    const auto token = mcp::read_progress_token(message.params, json_);
    const auto id = token ? parse_uint(*token) : std::nullopt;
    const auto listener = id ? progress_.find(*id) : progress_.end();
    if (listener == progress_.end()) return answer;
    std::string params;
    if (mcp::append_progress_params(params, message.params, listener->second.token, json_)) {
      listener->second.deliver(std::move(params));
    }
  }
  return answer;
}

}  // namespace satgate::flow::mcp
