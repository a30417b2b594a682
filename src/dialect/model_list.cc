#include "dialect/model_list.h"

#include <simdjson.h>

#include "base/json_out.h"
#include "dialect/json_text.h"

namespace satgate::dialect {
namespace {

namespace dom = simdjson::dom;

struct Page {
  std::string models;  // JSON, with commas
  std::string first, last;

  void add(std::string_view id, const std::string& model) {
    if (models.empty()) first = id;
    last = id;
    models.append(models.empty() ? "" : ",").append(model);
  }
};

std::optional<std::string_view> id_of(dom::object model) {
  std::string_view id;
  if (model.at_key("id").get_string().get(id)) return std::nullopt;
  return id;
}

std::string with_price(dom::object model, const std::string& price) {
  std::string text = simdjson::minify(model);
  if (price.empty()) return text;
  text.pop_back();
  return text.append(R"(,"io.satgate/price":)").append(price).append("}");
}

std::optional<Page> narrow_page(dom::array models, const PriceModel& price) {
  Page page;
  for (const dom::element element : models) {
    dom::object model;
    if (element.get_object().get(model)) return std::nullopt;
    const auto id = id_of(model);
    if (!id) return std::nullopt;
    if (const auto seen = price(*id)) page.add(*id, with_price(model, *seen));
  }
  return page;
}

std::string write_list(dom::object list, const Page& page) {
  std::string out = "{";
  for (const auto [key, value] : list) {
    if (out.size() > 1) out += ',';
    append_json_string(out, key);
    out += ':';
    const bool is_first = key == "first_id";
    if (key == "data") {
      out.append("[").append(page.models).append("]");
    } else if (!is_first && key != "last_id") {
      out += simdjson::minify(value);
    } else if (page.models.empty()) {
      out += "null";
    } else {
      append_json_string(out, is_first ? page.first : page.last);
    }
  }
  return out.append("}");
}

}  // namespace

std::optional<std::string> narrow_models(std::string_view answer, const PriceModel& price) {
  JsonText json;
  const auto root = json.parse(answer);
  dom::object object;
  dom::array models;
  if (!root || root->get_object().get(object)) return std::nullopt;
  if (!object.at_key("data").get_array().get(models)) {
    const auto page = narrow_page(models, price);
    if (!page) return std::nullopt;
    return write_list(object, *page);
  }
  const auto id = id_of(object);
  if (!id) return std::nullopt;
  const auto seen = price(*id);
  return seen ? with_price(object, *seen) : std::string();
}

}  // namespace satgate::dialect
