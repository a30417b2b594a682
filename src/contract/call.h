// What is asked, read off the wire and never from what the agent says about itself (Law 2.6).
// Views point into the request's buffers and the frozen config; they live as long as the exchange.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"
#include "contract/mode.h"

namespace satgate {

// The price class of an LLM call, where a provider has several for one model. The dearer ones come
// later.
enum class ServiceTier : uint8_t { flex, standard, priority };
inline constexpr size_t kServiceTiers = 3;

// What an LLM API is billed by.
enum class BilledUnit : uint8_t { token, image, character };

// One request of a batch: what bounds its price, as in Call.
struct BatchItem {
  std::string_view id;  // as the client named it
  std::string_view model;
  uint64_t input_bytes = 0;
  std::optional<uint64_t> output_tokens_max = {};
  bool may_write_cache = true;
  std::string_view unbounded = {};
};

struct Call {
  RequestId id;
  Time at;
  Mode mode = Mode::control;
  Protocol protocol = Protocol::http;
  std::string_view route;        // name of the matched route, for the record
  std::string_view upstream;     // name in the config: an upstream or an MCP server
  std::string_view method;       // HTTP method; empty for MCP
  std::string_view endpoint;     // path without query; empty for MCP
  std::string_view query;        // raw query without '?'
  std::string_view tool;         // MCP: the tool's own name at its server
  std::string_view listed_tool;  // MCP: the name the client sees (prefixed on collision)
  std::string_view arguments;    // MCP: those of a tool, a JSON object; empty: it has none
  bool only_reads = false;       // MCP: its server says that it changes nothing
  bool is_held = false;    // MCP: nobody has accepted what its server says about the tool by now
  std::string_view model;  // LLM: the one that serves it
  std::string_view asked_model;  // LLM: the one that was asked for, where it is another

  // What bounds an LLM price.
  uint64_t input_bytes = 0;
  std::optional<uint64_t> output_tokens_max;  // as asked; nothing: the model's own maximum
  uint32_t choices = 1;                       // `n`
  // Part of the input lies at the provider, as a stored conversation does: only the model's context
  // bounds it.
  bool whole_context = false;
  std::optional<ServiceTier> tier = {};  // as asked; nothing: the provider chooses
  // Not by tokens: how many pictures are asked for, or characters to be spoken.
  BilledUnit unit = BilledUnit::token;
  uint64_t units = 0;
  bool may_write_cache = true;  // false: no input is billed as a write to the provider's cache
  // What in the body makes its bytes no bound on its price ("image_url"); empty: they bound it.
  std::string_view unbounded;
  // A batch: its requests, each priced by itself. `model` is theirs, if it is the same of all.
  std::span<const BatchItem> batch = {};
  std::string_view batch_item = {};  // one of them by itself: its id
  // An answer that lies at the provider under this id: the call goes on from it or, with
  // `asks_stored`, reads or ends it, which costs nothing.
  std::string_view stored_id = {};
  bool asks_stored = false;
  // A list of models is asked for, of which the caller is shown those that it may use.
  bool lists_models = false;
};

// What a request of a batch would be by itself.
inline Call alone(const Call& batch, const BatchItem& item) {
  Call one = batch;
  one.batch = {};
  one.batch_item = item.id;
  one.model = item.model;
  one.input_bytes = item.input_bytes;
  one.output_tokens_max = item.output_tokens_max;
  one.may_write_cache = item.may_write_cache;
  one.unbounded = item.unbounded;
  return one;
}

// What the upstream reports afterwards. Counts are of tokens; cached and cache_write are parts of
// input, reasoning is part of output (the dialects normalise Anthropic's disjoint counts).
struct Usage {
  uint64_t input = 0;
  uint64_t cached_input = 0;
  uint64_t cache_write = 0;
  uint64_t output = 0;
  uint64_t reasoning = 0;
  uint64_t cache_write_1h = 0;           // part of cache_write, at its own rate
  std::optional<ServiceTier> tier = {};  // nothing: the provider did not say
  // MCP: bytes of the server's answer as it came, where its price depends on them. Else 0.
  uint64_t result_bytes = 0;
  uint64_t asks = 0;  // MCP: what the server asked the client meanwhile (sampling and the like)
};

}  // namespace satgate
