// Aligned columns for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace satgate::app {

enum class Align : uint8_t { left, right };

struct Column {
  std::string title;
  Align align = Align::left;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One cell a column. Control characters are replaced; an empty cell is printed as "-".
  void row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // Lines with their newlines, no spaces at the ends. With `colour` the titles are bold.
  std::string text(bool colour) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Characters of valid UTF-8, which is close enough to columns for names.
size_t display_width(std::string_view text);

// `name  value` lines with the values aligned.
class Facts {
 public:
  void add(std::string_view name, std::string_view value);  // an empty value is left out
  std::string text() const;

 private:
  std::vector<std::pair<std::string, std::string>> facts_;
};

}  // namespace satgate::app
