#include "audit/event_json.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/json_out.h"

namespace satgate::audit {
namespace {

// What one text may take, in bytes before escaping; an escape makes at most six of one.
constexpr size_t name_bytes_max = 256;    // names people give
constexpr size_t target_bytes_max = 512;  // tools, models, sentences
constexpr size_t path_bytes_max = 1024;   // endpoints
constexpr size_t label_name_bytes_max = 48;
constexpr size_t label_value_bytes_max = 128;
constexpr size_t holder_bytes_max = 96;
constexpr size_t label_count_max = 16;
constexpr size_t holder_count_max = 24;

constexpr size_t escaped_max = 6;
constexpr size_t fixed_bytes_max = 2048;  // keys, numbers, ids, words, "..." marks
// Names of partners need no escapes; each with its amount.
constexpr size_t shares_bytes_max = kSharesMax * (kPartnerBytesMax + 32);
static_assert((6 * name_bytes_max + 4 * target_bytes_max + path_bytes_max +
               label_count_max * (label_name_bytes_max + label_value_bytes_max) +
               holder_count_max * holder_bytes_max) *
                      escaped_max +
                  fixed_bytes_max + shares_bytes_max <=
              event_bytes_max);

// The labels that have keys of their own, in the order they are written.
constexpr std::array<JsonOut::Key, 3> kLateLabels = {"team", "environment", "workflow"};

class Writer {
 public:
  Writer(std::string& out, const AuditEvent& event) : json_(out), event_(event) {}

  void write() {
    json_.object();
    json_.key("time");
    json_.time(event_.time);
    text("subject", event_.subject, name_bytes_max);
    label("project");
    if (event_.call) text("tool", event_.call->tool, target_bytes_max);
    if (event_.cost) json_.key("cost").money(*event_.cost);
    if (event_.decision) json_.key("decision").string(to_string(*event_.decision));
    json_.key("event").string(to_string(event_.kind));
    for (const JsonOut::Key name : kLateLabels)
      label(name);
    other_labels();
    if (event_.call) call(*event_.call);
    outcome();
    json_.end();
  }

 private:
  void cut(std::string_view value, size_t bytes_max) {
    if (value.size() <= bytes_max) {
      json_.string(value);
      return;
    }
    // Not inside a character: step back over the continuation bytes of UTF-8, at most three.
    size_t size = bytes_max - 3;
    for (int i = 0; i < 3 && (static_cast<uint8_t>(value[size]) & 0xc0) == 0x80; ++i)
      --size;
    std::string shortened(value.substr(0, size));
    json_.string(shortened += "...");
  }

  void text(JsonOut::Key key, std::string_view value, size_t bytes_max) {
    if (value.empty()) return;
    json_.key(key);
    cut(value, bytes_max);
  }

  void count(JsonOut::Key key, uint64_t value) {
    if (value == 0) return;
    json_.key(key).integer(static_cast<int64_t>(std::min<uint64_t>(value, INT64_MAX)));
  }

  static bool has_own_key(std::string_view name) {
    return name == "project" ||
           std::ranges::any_of(kLateLabels, [name](std::string_view late) { return late == name; });
  }

  void label(JsonOut::Key name) {
    const auto found = std::ranges::find(event_.labels, std::string_view(name), &Label::name);
    if (found != event_.labels.end()) text(name, found->value, label_value_bytes_max);
  }

  void other_labels() {
    bool open = false;
    size_t written = 0;
    for (auto label = event_.labels.begin(); label != event_.labels.end(); ++label) {
      const auto first = std::ranges::find(event_.labels, label->name, &Label::name);
      if (has_own_key(label->name) || first != label || written == label_count_max) continue;
      if (!open) json_.key("labels").object();
      open = true;
      ++written;
      json_.member(label->name.substr(0, label_name_bytes_max));
      cut(label->value, label_value_bytes_max);
    }
    if (open) json_.end();
  }

  void call(const Call& call) {
    json_.key("protocol").string(to_string(call.protocol));
    text("upstream", call.upstream, name_bytes_max);
    text("route", call.route, name_bytes_max);
    text("method", call.method, name_bytes_max);
    text("endpoint", call.endpoint, path_bytes_max);
    if (call.listed_tool != call.tool) text("listed_tool", call.listed_tool, target_bytes_max);
    text("model", call.model, target_bytes_max);
    text("asked_model", call.asked_model, name_bytes_max);
    json_.key("mode").string(to_string(call.mode));
    json_.key("request_id").string(id_text(call.id));
  }

  void outcome() {
    if (event_.quote) json_.key("quote").money(*event_.quote);
    shares();
    if (event_.refusal) json_.key("code").string(code(*event_.refusal));
    if (event_.cache_hit) json_.key("code").string("cache_hit");
    if (event_.token) json_.key("token").string(id_text(*event_.token));
    holders();
    text("budget", event_.budget, name_bytes_max);
    if (event_.usage) usage(*event_.usage);
    if (event_.usage_missing) json_.key("usage_missing").boolean(true);
    count("clamped_output_tokens", event_.clamped_output_tokens);
    count("loop_repeats", event_.loop_repeats);
    if (event_.http_status != 0) json_.key("http_status").integer(event_.http_status);
    text("detail", event_.detail, target_bytes_max);
  }

  // Of what was really charged; what is nobody's share is the owner's.
  void shares() {
    if (event_.shares.empty() || event_.cost.value_or(Money()) <= Money()) return;
    json_.key("shares").object();
    for (const Share& share : event_.shares.first(std::min(event_.shares.size(), kSharesMax)))
      json_.member(share.partner).money(share_of(*event_.cost, share));
    json_.end();
  }

  // The root holder and those nearest to the call are the ones to keep of a very long chain.
  void holders() {
    const auto& all = event_.holders;
    if (all.empty()) return;
    json_.key("holders").array();
    const size_t skipped = all.size() - std::min(all.size(), holder_count_max);
    for (size_t i = 0; i < all.size(); ++i) {
      if (i > 0 && i <= skipped) continue;
      cut(all[i], holder_bytes_max);
    }
    json_.end_array();
    count("holders_omitted", skipped);
  }

  void usage(const Usage& usage) {
    json_.key("usage").object();
    count("input", usage.input);
    count("cached_input", usage.cached_input);
    count("cache_write", usage.cache_write);
    count("output", usage.output);
    count("reasoning", usage.reasoning);
    count("result_bytes", usage.result_bytes);
    count("asks", usage.asks);
    json_.end();
  }

  JsonOut json_;
  const AuditEvent& event_;
};

}  // namespace

void append_event_json(std::string& out, const AuditEvent& event) {
  Writer(out, event).write();
}

}  // namespace satgate::audit
