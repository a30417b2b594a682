#include "flow/llm_call.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.h"
#include "base/text.h"
#include "flow/respond.h"

namespace satgate::flow {
namespace {

bool is_event_stream(const wire::Fields& fields) {
  const auto type = fields.find("content-type");
  return type && lowercase(*type).starts_with("text/event-stream");
}

// Counting takes up to 0.4 us a byte, if somebody wants it to, and holds up the whole loop.
constexpr size_t kCountedBytesMax = 32 * 1024;

// Not the request's fault: another upstream may answer it.
bool is_overload(int status) {
  return status == 408 || status == 429 || status >= 500;
}

}  // namespace

LlmCall::LlmCall(Worker& worker, const Settings& settings, net::ServerExchange& http,
                 const Route& route, Call& call)
    : HttpConversation(worker, settings, http, call),
      route_(&route),
      api_(*route.api),
      reader_(dialect::make_reader(api_)) {}

net::Task<bool> LlmCall::prepare() {
  // Bytes bound tokens only in plain text.
  if (http_.request().fields.find("content-encoding")) {
    co_await respond_error(http_, call_.protocol, call_.id, 415, "unsupported_encoding",
                           "Send the body without Content-Encoding.");
    co_return false;
  }
  const auto body = co_await http_.read_body_all(settings_.body_bytes_max);
  if (!body) {
    co_await respond_fault(http_, call_, body.error());
    co_return false;
  }
  body_ = *body;
  auto request = reader_->peek(body_);
  if (!request) {
    co_await respond_error(http_, call_.protocol, call_.id, 400, "invalid_request",
                           request.error().message);
    co_return false;
  }
  request_ = *request;
  call_.model = request_.model;
  call_.input_bytes = is_free() ? 0 : body_.size() + request_.hidden_input_tokens;
  call_.output_tokens_max = is_free() ? 0 : request_.output_tokens_max;
  call_.choices = request_.choices;
  call_.whole_context = request_.whole_context;
  call_.tier = request_.tier;
  call_.unit = request_.unit;
  call_.units = request_.units;
  call_.may_write_cache = request_.may_write_cache;
  call_.unbounded = unbounded();
  call_.stored_id = request_.stored_id;
  call_.batch = request_.batch;
  co_return true;
}

// Providers count for nothing; so it is held for nothing and charged nothing.
bool LlmCall::is_free() const {
  return api_ == dialect::LlmApi::count_tokens;
}

Outcome LlmCall::failed(Fault fault) const {
  Outcome outcome;
  outcome.http_status = fault.http_status;
  outcome.may_fall_back = fault.source == Fault::Source::upstream;
  outcome.fault = std::move(fault);
  return outcome;
}

net::Task<bool> LlmCall::add_content(SipHash& fingerprint) {
  fingerprint.part(body_);
  co_return true;
}

// By the request, or by the rules of the upstream it goes to.
std::string_view LlmCall::unbounded() const {
  const bool may_be_stored = settings_.upstreams[route_->upstream].stored_input;
  return request_.whole_context && !may_be_stored ? "a stored conversation" : request_.unbounded;
}

bool LlmCall::redirect(const Destination& to) {
  const auto leads_there = [&](const Route& route) {
    return route.api == api_ && settings_.upstreams[route.upstream].name == to.upstream;
  };
  if (call_.upstream != to.upstream) {
    const auto route = std::ranges::find_if(settings_.routes, leads_there);
    if (route == settings_.routes.end()) return false;
    route_ = &*route;
    call_.route = route->name;
    call_.upstream = to.upstream;
    call_.unbounded = unbounded();
  }
  keep_as_.reset();  // known by another request
  call_.model = to.model;
  call_.asked_model = to.model == request_.model ? std::string_view() : request_.model;
  return true;
}

// Only where the upstream is known to count as OpenAI does.
std::optional<dialect::bpe::Vocabulary> LlmCall::vocabulary() const {
  if (!settings_.upstreams[route_->upstream].counts_as_openai) return std::nullopt;
  return dialect::bpe::vocabulary_of(call_.model);
}

// A little more than was counted: how a chat is framed is documented as an estimate.
std::optional<uint64_t> LlmCall::exact_input_tokens() {
  const bool is_asked_model = call_.asked_model.empty();
  if (!vocabulary() || !is_asked_model || body_.size() > kCountedBytesMax) return std::nullopt;
  const auto tokens = reader_->exact_input_tokens(body_);
  if (!tokens) return std::nullopt;
  return *tokens + *tokens / 64 + 16;
}

std::string_view LlmCall::stakes() const {
  return http_.request().fields.find("x-satgate-stakes").value_or(std::string_view());
}

net::Task<Outcome> LlmCall::forward(const Passing& passing) {
  passing_ = passing;
  if (cached_) {
    worker_.gateway.stored.add_reader(cached_->stored_id, call_.upstream, passing.lineage);
    Outcome outcome;
    outcome.http_status = 200;
    co_return outcome;
  }
  const Upstream& upstream = settings_.upstreams[route_->upstream];
  dialect::LlmEdit edit;
  if (!call_.asked_model.empty()) edit.model = call_.model;
  edit.bound_name = upstream.output_bound_name;
  edit.output_tokens = passing.output_tokens;
  edit.include_usage = request_.stream;
  if (!reader_->edit(body_, edit, forwarded_)) {
    Fault fault;
    fault.http_status = 500;
    fault.message = "The request could not be rewritten.";
    co_return failed(std::move(fault));
  }
  upstream_call_ = std::make_unique<net::ClientExchange>(worker_.pool, upstream.identity,
                                                         client_options(settings_));
  const net::CancelWhenGone guard(http_, *upstream_call_);
  std::string target;
  upstream_target(target, upstream, *route_, call_);
  write_upstream_head(*upstream_call_, http_.request(), upstream, target, settings_.api_keys,
                      {.plain_text = true});
  auto sent = co_await upstream_call_->send(forwarded_);
  if (!sent) co_return failed(std::move(sent.error()));
  auto head = co_await upstream_call_->read_head();
  if (!head) co_return failed(std::move(head.error()));
  head_ = *head;
  if (head_->status < 300 && is_event_stream(head_->fields)) co_return co_await relay_stream();
  co_return co_await hold_answer();
}

net::Task<Outcome> LlmCall::hold_answer() {
  Outcome outcome;
  outcome.http_status = head_->status;
  if (head_->status != 200) keep_as_.reset();
  auto answer = co_await upstream_call_->read_all(settings_.body_bytes_max);
  if (!answer) {
    Fault fault = std::move(answer.error());
    fault.sent_upstream = true;
    co_return failed(std::move(fault));
  }
  answer_ = *answer;
  // Providers charge nothing for a request they answer with an error.
  if (head_->status >= 400 || is_free()) {
    outcome.free = true;
    outcome.may_fall_back = is_overload(head_->status);
    co_return outcome;
  }
  // Pictures and characters were counted before.
  if (call_.unit != BilledUnit::token) co_return outcome;
  outcome.usage = reader_->usage(answer_);
  note_stored(reader_->stored_id());
  // No usage in the answer: the whole quote is charged, never zero.
  outcome.usage_missing = !outcome.usage;
  if (outcome.usage_missing) keep_as_.reset();
  co_return outcome;
}

// Before the client can have read of it, and ask for it.
void LlmCall::note_stored(std::string_view id) {
  if (id.empty() || !stored_id_.empty()) return;
  stored_id_ = id;
  worker_.gateway.stored.add(id, call_.upstream, passing_.lineage);
}

void LlmCall::append_event(const wire::SseEvent& event) {
  using Action = dialect::LlmStream::Action;
  dialect::LlmStream::Step step;
  if (event.has_data) {
    step = stream_->on_data(event.data);
    note_stored(stream_->stored_id());
    watch_->add(stream_->added_text(), stream_->reported_output());
  }
  ending_ = ending_ || step.ends;
  std::string& to = ending_ ? tail_ : out_;
  switch (step.action) {
    case Action::forward:
      to += event.raw;
      return;
    case Action::hide:
      return;
    case Action::replace:
      to += "data: ";
      to += step.data;
      to += "\n\n";
      return;
  }
}

std::expected<void, Fault> LlmCall::append_events(std::string_view piece) {
  if (!splitter_.feed(piece)) {
    Fault fault;
    fault.source = Fault::Source::upstream;
    fault.message = "The upstream sent an event that is too large.";
    return std::unexpected(std::move(fault));
  }
  wire::SseEvent event;
  while (!is_past_reservation() && splitter_.next(event))
    append_event(event);
  return {};
}

// What came in one read leaves in one write. What was good of it leaves before the fault that
// followed.
net::Task<std::expected<void, Fault>> LlmCall::relay_piece(std::string_view piece) {
  out_.clear();
  std::expected<void, Fault> good;
  while (good && !piece.empty()) {
    good = append_events(piece);
    auto more = upstream_call_->read_at_hand();
    if (good && !more) good = std::unexpected(std::move(more.error()));
    piece = more ? *more : std::string_view();
  }
  if (out_.empty()) co_return good;
  if (keep_as_ && sent_.size() <= settings_.cache->answer_bytes_max) sent_ += out_;
  auto written = co_await http_.write(out_);
  if (!written) co_return std::unexpected(std::move(written.error()));
  co_return good;
}

net::Task<Outcome> LlmCall::relay_stream() {
  stream_ = reader_->follow(request_);
  watch_.emplace(output_bound(), vocabulary());
  wire::HeadWriter& writer = write_client_head(http_, *head_);
  if (keep_as_) writer.field("x-satgate-cache", "miss");
  write_call_fields(writer, call_, passing_, {}, settings_.currency);
  write_receipt(writer, head_->status, passing_);
  using Head = net::ServerExchange::Head;
  // The head goes with what came with it, and waits for nothing else.
  auto piece = upstream_call_->read_at_hand();
  const Head when = piece && !piece->empty() ? Head::with_first_piece : Head::now;
  auto started = co_await http_.start(wire::BodyFraming::chunked(), when);
  if (!started) co_return stream_outcome(std::move(started.error()));
  while (true) {
    if (piece && piece->empty()) piece = co_await upstream_call_->read_some();
    if (!piece) co_return stream_outcome(std::move(piece.error()));
    if (piece->empty()) break;
    auto relayed = co_await relay_piece(*piece);
    if (!relayed) co_return stream_outcome(std::move(relayed.error()));
    if (is_past_reservation()) co_return past_reservation();
    // The answer is there; an upstream that never stops after it must not fill the memory.
    if (tail_.size() > limits::sse_event_bytes_max) co_return stream_outcome(std::nullopt);
    piece = std::string_view();
  }
  wire::SseEvent rest;
  if (splitter_.end(rest) == wire::SseEnd::cut && rest.has_data) (void)stream_->on_data(rest.data);
  if (stream_->complete()) co_return stream_outcome(std::nullopt);
  Fault fault;
  fault.source = Fault::Source::upstream;
  fault.message = "The upstream ended the stream before the answer was complete.";
  co_return stream_outcome(std::move(fault));
}

Outcome LlmCall::stream_outcome(std::optional<Fault> fault) {
  Outcome outcome;
  outcome.http_status = head_->status;
  if (call_.unit != BilledUnit::token) {
    // Counted before; there is nothing to learn.
  } else if (stream_->usage()) {
    outcome.usage = stream_->usage();
  } else {
    // Cut, or silent about usage: bounded by what was asked, never zero.
    outcome.usage = stream_->conservative_usage(passing_.input_tokens.value_or(call_.input_bytes),
                                                output_bound(), passing_.output_visible);
    outcome.usage_missing = true;
    keep_as_.reset();
  }
  if (fault) {
    fault->sent_upstream = true;
    outcome.fault = std::move(fault);
  }
  return outcome;
}

// Over all choices.
uint64_t LlmCall::output_bound() const {
  const uint64_t asked = call_.output_tokens_max.value_or(passing_.output_tokens.value_or(0));
  return passing_.output_tokens.value_or(asked) * std::max(1U, call_.choices);
}

// The answer has more than was held for it, and is not at its end. Observe ends nothing.
bool LlmCall::is_past_reservation() const {
  return watch_ && watch_->is_past() && !ending_ && passing_.is_per_token &&
         call_.mode != Mode::observe;
}

// What was made so far is owed: it shows as an overrun, which a person has to look at.
Outcome LlmCall::past_reservation() {
  Fault fault;
  fault.source = Fault::Source::upstream;
  fault.message = "The upstream went past the output that was reserved; the stream was ended.";
  Outcome outcome = stream_outcome(std::move(fault));
  outcome.usage->output = std::max(outcome.usage->output, watch_->tokens());
  outcome.usage_missing = true;
  return outcome;
}

std::string LlmCall::early_end(const Fault& fault) const {
  if (!is_past_reservation()) {
    return dialect::stream_error(api_, "upstream_failed", fault.message, call_.id);
  }
  std::string end;
  if (settings_.stream_end == StreamEnd::length) {
    end = dialect::stream_length_end(api_, call_.choices, output_bound());
  }
  if (end.empty()) end = dialect::stream_error(api_, "budget_exceeded", fault.message, call_.id);
  return end;
}

net::Task<> LlmCall::complete(const Settled& settled) {
  if (cached_) co_return co_await replay(settled);
  keep_answer(settled);
  if (http_.response_started()) {
    (void)co_await http_.finish(tail_);
    co_return;
  }
  wire::HeadWriter& writer = write_client_head(http_, *head_);
  if (keep_as_) writer.field("x-satgate-cache", "miss");
  write_call_fields(writer, call_, passing_, settled, settings_.currency);
  write_receipt(writer, head_->status, passing_);
  (void)co_await http_.send(answer_);
}

net::Task<> LlmCall::fail(const Fault& fault) {
  if (http_.response_started() && fault.source != Fault::Source::client) {
    // SDKs take a clean end for success: say it in the stream.
    const std::string end = early_end(fault);
    (void)co_await http_.finish(end);
    co_return;
  }
  co_await HttpConversation::fail(fault);
}

}  // namespace satgate::flow
