#include "dialect/body_reader.h"

#include "base/json_out.h"

namespace satgate::dialect {
namespace {

// Read anew, since the edit before it may have moved everything.
bool set_model(std::string_view model, std::string& body) {
  JsonText json;
  std::string_view token;
  if (!json.parse(body) || !find_value(json, "model", token) || token.empty()) return false;
  std::string quoted;
  append_json_string(quoted, model);
  body.replace(json.place(token), token.size(), quoted);
  return true;
}

}  // namespace

std::expected<LlmRequest, BadRequest> BodyReader::peek(std::string_view body) {
  accepted_ = false;
  const auto root = body_.parse(body);
  if (!root) return std::unexpected(kNotJson);
  simdjson::dom::object members;
  if (root->get_object().get(members)) return std::unexpected(kNotObject);
  auto request = read(members);
  if (!request) return request;
  if (request->model.empty()) return std::unexpected(kNoModel);
  model_.assign(request->model);
  request->model = model_;
  members_ = members;
  accepted_ = true;
  return request;
}

bool BodyReader::edit(std::string_view body, const LlmEdit& edit, std::string& out) {
  if (!accepted_ || body != body_.text() || !change(body_, edit, out)) return false;
  return edit.model.empty() || set_model(edit.model, out);
}

std::optional<uint64_t> BodyReader::exact_input_tokens(std::string_view body) {
  if (!accepted_ || body != body_.text()) return std::nullopt;
  return count_input(model_, members_);
}

std::optional<uint64_t> BodyReader::count_input(std::string_view /*model*/,
                                                simdjson::dom::object /*members*/) const {
  return std::nullopt;
}

std::string_view BodyReader::read_stored_id(simdjson::dom::element /*answer*/) const {
  return {};
}

std::optional<Usage> BodyReader::usage(std::string_view answer) {
  stored_id_ = {};
  const auto root = answer_.parse(answer);
  if (!root) return std::nullopt;
  stored_id_ = read_stored_id(*root);
  return read_answer(*root);
}

}  // namespace satgate::dialect
