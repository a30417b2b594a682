#include "dialect/openai/units.h"

#include <algorithm>
#include <array>

#include "dialect/body.h"

namespace satgate::dialect::openai {
namespace {

namespace dom = simdjson::dom;

constexpr uint64_t kImagesMax = 10;  // as the API reference says of `n`

enum Member : size_t { kModel, kCount, kInput, kStreamFormat, kPartialImages, kMemberCount };
constexpr std::array<std::string_view, kMemberCount> kMembers = {"model", "n", "input",
                                                                 "stream_format", "partial_images"};

constexpr BadRequest kBadCount{"n must be a whole number from 1 to 10"};
constexpr BadRequest kBadInput{"input must be text"};

// Code points of UTF-8.
uint64_t characters(std::string_view text) {
  return static_cast<uint64_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

struct RequestReader {
  LlmRequest request;

  std::expected<void, BadRequest> read_images(dom::element value) {
    if (value.is_null()) return {};
    uint64_t count = 0;
    if (value.get_uint64().get(count) || count == 0 || count > kImagesMax) {
      return std::unexpected(kBadCount);
    }
    request.units = count;
    return {};
  }

  std::expected<void, BadRequest> read_input(dom::element value) {
    std::string_view text;
    if (value.get_string().get(text)) return std::unexpected(kBadInput);
    request.units = characters(text);
    return {};
  }

  std::expected<void, BadRequest> read(size_t member, dom::element value) {
    const bool images = request.unit == BilledUnit::image;
    switch (member) {
      case kModel:
        return read_model(value, request);
      case kCount:
        return images ? read_images(value) : std::expected<void, BadRequest>();
      case kInput:
        return images ? std::expected<void, BadRequest>() : read_input(value);
      default:
        // Each costs more than the piece: pictures on the way, speech that is billed by tokens.
        if (!value.is_null() && request.unbounded.empty()) request.unbounded = kMembers[member];
        return {};
    }
  }
};

// Passes everything; what it costs was known before.
class Unread final : public LlmStream {
 public:
  Step on_data(std::string_view) override { return {}; }
  bool complete() const override { return true; }
  std::string_view added_text() const override { return {}; }
  uint64_t reported_output() const override { return 0; }
  const std::optional<Usage>& usage() const override { return none_; }
  Usage conservative_usage(uint64_t, uint64_t, bool) const override { return {}; }

 private:
  std::optional<Usage> none_;
};

}  // namespace

std::expected<LlmRequest, BadRequest> UnitsReader::read(dom::object members) const {
  RequestReader reader;
  reader.request.unit = unit_;
  reader.request.units = unit_ == BilledUnit::image ? 1 : 0;
  const auto read = read_members(members, kMembers, [&](size_t member, dom::element value) {
    return reader.read(member, value);
  });
  if (!read) return std::unexpected(read.error());
  if (unit_ == BilledUnit::character && reader.request.units == 0) {
    return std::unexpected(kBadInput);
  }
  return reader.request;
}

bool UnitsReader::change(JsonText& body, const LlmEdit& /*edit*/, std::string& out) const {
  out.assign(body.text());
  return true;
}

std::optional<Usage> UnitsReader::read_answer(dom::element /*answer*/) const {
  return std::nullopt;
}

std::unique_ptr<LlmStream> UnitsReader::follow(const LlmRequest& /*request*/) const {
  return std::make_unique<Unread>();
}

}  // namespace satgate::dialect::openai
