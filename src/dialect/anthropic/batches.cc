#include "dialect/anthropic/batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ranges>

#include "base/json_out.h"
#include "base/limits.h"
#include "dialect/anthropic/messages.h"
#include "dialect/anthropic/stream.h"
#include "dialect/body.h"

namespace satgate::dialect::anthropic {
namespace {

namespace dom = simdjson::dom;
namespace lazy = simdjson::ondemand;

constexpr std::array<std::string_view, 1> kMembers = {"requests"};
enum ItemMember : size_t { kCustomId, kParams };
constexpr std::array<std::string_view, 2> kItemMembers = {"custom_id", "params"};

constexpr size_t kIdBytesMax = 64;  // as documented

constexpr BadRequest kBadRequests{"requests must be a list with at least one request"};
constexpr BadRequest kBadItem{"each of requests must have a custom_id and params"};
constexpr BadRequest kBadId{"custom_id must be a string of 1 to 64 characters"};
constexpr BadRequest kTwins{"two requests have the same custom_id"};

// The members of `object` that are in `names`, all of which must be there.
template <size_t Size>
std::expected<std::array<dom::element, Size>, BadRequest> take(
    dom::object object, const std::array<std::string_view, Size>& names, BadRequest missing) {
  std::array<dom::element, Size> found;
  size_t count = 0;
  const auto read = read_members(
      object, names, [&](size_t member, dom::element value) -> std::expected<void, BadRequest> {
        found[member] = value;
        ++count;
        return {};
      });
  if (!read) return std::unexpected(read.error());
  if (count < Size) return std::unexpected(missing);
  return found;
}

// The bytes of each `params`, in order; false if the text can not be walked.
template <class Use>
bool each_params(JsonText& body, const Use& use) {
  lazy::document document;
  lazy::array requests;
  if (body.walk().get(document) || document["requests"].get_array().get(requests)) return false;
  for (auto element : requests) {
    lazy::object members;
    if (element.get_object().get(members)) return false;
    for (auto field : members) {
      std::string_view key, text;
      if (field.unescaped_key().get(key)) return false;
      if (key != kItemMembers[kParams]) continue;
      lazy::object params;
      if (field.value().get_object().get(params) || params.raw_json().get(text)) return false;
      use(text.size());
    }
  }
  return true;
}

}  // namespace

std::expected<LlmRequest, BadRequest> BatchReader::peek(std::string_view body) {
  accepted_ = false;
  items_.clear();
  unbounded_ = {};
  const auto root = body_.parse(body);
  if (!root) return std::unexpected(kNotJson);
  dom::object members;
  if (root->get_object().get(members)) return std::unexpected(kNotObject);
  const auto found = take(members, kMembers, kBadRequests);
  if (!found) return std::unexpected(found.error());
  // What is new there may cost something.
  if (members.size() > kMembers.size()) unbounded_ = "a member beside requests";
  const auto read = read_requests(found->front());
  if (!read) return std::unexpected(read.error());
  if (has_twins()) return std::unexpected(kTwins);
  if (!add_sizes()) return std::unexpected(kNotJson);
  accepted_ = true;
  LlmRequest request;
  request.model = common_model();
  request.batch = items_;
  request.unbounded = unbounded_;
  return request;
}

std::expected<void, BadRequest> BatchReader::read_requests(dom::element value) {
  dom::array requests;
  if (value.get_array().get(requests)) return std::unexpected(kBadRequests);
  for (const dom::element element : requests) {
    if (items_.size() == limits::batch_requests_max) {
      error_ = fmt::format("a batch may have {} requests", limits::batch_requests_max);
      return std::unexpected(BadRequest{error_});
    }
    dom::object members;
    if (element.get_object().get(members)) return std::unexpected(kBadItem);
    const auto read = read_item(members);
    if (!read) return read;
  }
  if (items_.empty()) return std::unexpected(kBadRequests);
  return {};
}

std::expected<void, BadRequest> BatchReader::read_item(dom::object members) {
  const auto found = take(members, kItemMembers, kBadItem);
  if (!found) return std::unexpected(found.error());
  if (members.size() > kItemMembers.size()) unbounded_ = "a member beside custom_id and params";
  BatchItem item;
  const dom::element id = (*found)[kCustomId];
  if (id.get_string().get(item.id) || item.id.empty() || item.id.size() > kIdBytesMax) {
    return std::unexpected(kBadId);
  }
  dom::object params;
  if ((*found)[kParams].get_object().get(params)) return std::unexpected(kBadItem);
  const auto read = read_params(params, item);
  if (!read) {
    error_ = fmt::format("custom_id '{}': {}", item.id, read.error().message);
    return std::unexpected(BadRequest{error_});
  }
  items_.push_back(item);
  return {};
}

std::expected<void, BadRequest> BatchReader::read_params(dom::object params, BatchItem& item) {
  const auto message = read_message(params, Messages::create);
  if (!message) return std::unexpected(message.error());
  if (message->model.empty()) return std::unexpected(kNoModel);
  item.model = message->model;
  item.input_bytes = message->hidden_input_tokens;
  item.output_tokens_max = message->output_tokens_max;
  item.may_write_cache = message->may_write_cache;
  item.unbounded = message->unbounded;
  return {};
}

bool BatchReader::add_sizes() {
  size_t next = 0;
  const bool walked = each_params(body_, [&](size_t bytes) {
    if (next < items_.size()) items_[next].input_bytes += bytes;
    ++next;
  });
  return walked && next == items_.size();
}

bool BatchReader::has_twins() {
  std::vector<std::string_view> ids;
  ids.reserve(items_.size());
  std::ranges::copy(items_ | std::views::transform(&BatchItem::id), std::back_inserter(ids));
  std::ranges::sort(ids);
  return std::ranges::adjacent_find(ids) != ids.end();
}

std::string_view BatchReader::common_model() const {
  const std::string_view model = items_.front().model;
  const auto is_same = [&](const BatchItem& item) { return item.model == model; };
  return std::ranges::all_of(items_, is_same) ? model : std::string_view();
}

bool BatchReader::edit(std::string_view body, const LlmEdit& /*edit*/, std::string& out) {
  if (!accepted_ || body != body_.text()) return false;
  out = body;
  return true;
}

std::optional<Usage> BatchReader::usage(std::string_view answer) {
  const auto root = answer_.parse(answer);
  stored_id_ = root ? id_of_answer(*root) : std::string_view();
  return std::nullopt;
}

std::unique_ptr<LlmStream> BatchReader::follow(const LlmRequest& /*request*/) const {
  return std::make_unique<MessageStream>();
}

std::optional<std::string> with_results_at(std::string_view batch, std::string_view path) {
  JsonText json;
  const auto root = json.parse(batch);
  std::string_view url;
  if (!root || !root->is_object() || !find_value(json, "results_url", url)) return std::nullopt;
  if (url.empty() || url == "null") return std::string(batch);
  std::string quoted;
  append_json_string(quoted, fmt::format("{}/results", path));
  Patches patches;
  patches.add(json.place(url), url.size(), quoted);
  std::string changed;
  patches.apply(json.text(), changed);
  return changed;
}

}  // namespace satgate::dialect::anthropic
