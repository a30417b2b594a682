#include "app/commands/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/commands/context.h"

namespace satgate::app {
namespace {

constexpr std::string_view kGap = "  ";

std::string padded(std::string_view cell, size_t width, Align align) {
  const std::string space(width - std::min(width, display_width(cell)), ' ');
  return align == Align::left ? std::string(cell) + space : space + std::string(cell);
}

}  // namespace

size_t display_width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void Table::row(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells)
    cell = cell.empty() ? "-" : printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::text(bool colour) const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = display_width(columns_[i].title);
    for (const auto& cells : rows_)
      width = std::max(width, display_width(cells[i]));
    widths.push_back(width);
  }
  std::string out;
  const auto line = [&](const auto& cell_of) {
    std::string one;
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) one += kGap;
      one += padded(cell_of(i), widths[i], columns_[i].align);
    }
    one.erase(one.find_last_not_of(' ') + 1);
    return one;
  };
  const std::string titles = line([&](size_t i) { return columns_[i].title; });
  out += colour ? fmt::format("\x1b[1m{}\x1b[0m\n", titles) : titles + "\n";
  for (const auto& cells : rows_)
    out += line([&](size_t i) { return cells[i]; }) + "\n";
  return out;
}

void Facts::add(std::string_view name, std::string_view value) {
  if (!value.empty()) facts_.emplace_back(name, printable(value));
}

std::string Facts::text() const {
  size_t width = 0;
  for (const auto& [name, value] : facts_)
    width = std::max(width, display_width(name));
  std::string out;
  for (const auto& [name, value] : facts_) {
    out += fmt::format("{}{}{}\n", padded(name, width, Align::left), kGap, value);
  }
  return out;
}

}  // namespace satgate::app
