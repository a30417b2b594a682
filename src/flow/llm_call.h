// A call of an LLM API: the price is bounded before the call (bytes bound the input, the forwarded
// max_tokens the output), the usage is read on the way, the end is kept back.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/llm_api.h"
#include "flow/http_conversation.h"
#include "flow/output_watch.h"
#include "flow/relay.h"
#include "wire/sse.h"

namespace satgate::flow {

class LlmCall final : public HttpConversation {
 public:
  LlmCall(Worker& worker, const Settings& settings, net::ServerExchange& http, const Route& route,
          Call& call);

  // Reads the body and fills the call's model and bounds. False: a 4xx was sent.
  net::Task<bool> prepare();

  net::Task<bool> add_content(SipHash& fingerprint) override;
  bool redirect(const Destination& to) override;
  std::string_view stakes() const override;
  std::optional<Money> find_cached(const CacheSearch& search) override;
  std::optional<uint64_t> exact_input_tokens() override;
  net::Task<Outcome> forward(const Passing& passing) override;
  net::Task<> complete(const Settled& settled) override;
  net::Task<> fail(const Fault& fault) override;

 private:
  bool is_free() const;
  std::string_view unbounded() const;
  net::Task<Outcome> relay_stream();
  net::Task<Outcome> hold_answer();
  std::expected<void, Fault> append_events(std::string_view piece);
  net::Task<std::expected<void, Fault>> relay_piece(std::string_view piece);
  void append_event(const wire::SseEvent& event);
  Outcome stream_outcome(std::optional<Fault> fault);
  bool is_past_reservation() const;
  Outcome past_reservation();
  uint64_t output_bound() const;
  std::string early_end(const Fault& fault) const;
  std::optional<dialect::bpe::Vocabulary> vocabulary() const;
  Outcome failed(Fault fault) const;
  Hash256 cache_key(std::string_view scope) const;
  void keep_answer(const Settled& settled);
  void note_stored(std::string_view id);
  net::Task<> replay(const Settled& settled);

  const Route* route_;
  const dialect::LlmApi api_;
  const std::unique_ptr<dialect::LlmReader> reader_;
  dialect::LlmRequest request_;
  std::string_view body_;
  std::string forwarded_;
  std::unique_ptr<net::ClientExchange> upstream_call_;
  const wire::ResponseHead* head_ = nullptr;
  std::string_view answer_;  // not streamed: the whole body
  std::unique_ptr<dialect::LlmStream> stream_;
  wire::SseSplitter splitter_;
  std::string out_;   // events to write now
  std::string tail_;  // the end of the stream: kept back until the call is settled
  bool ending_ = false;
  std::string stored_id_;  // of the answer, at the provider
  std::optional<OutputWatch> watch_;
  // The response cache: what is given again; or under which key this answer is to be kept, and what
  // of a stream was sent so far.
  std::shared_ptr<const CachedAnswer> cached_;
  std::optional<Hash256> keep_as_;
  std::string sent_;
};

}  // namespace satgate::flow
