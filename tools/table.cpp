#include "tools/table.h"

#include <algorithm>

namespace fanin {

namespace {

/// Characters, not bytes: continuation bytes of UTF-8 take no column.
std::size_t columns(std::string_view word) {
  return static_cast<std::size_t>(
      std::ranges::count_if(word, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

}  // namespace

Table::Table(std::vector<std::string> header, std::string_view alignment) : alignment_(alignment) {
  rows_.push_back(std::move(header));
}

std::string Table::text() const {
  std::vector<std::size_t> widths(rows_[0].size());
  for (const auto& row : rows_)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], columns(row[c]));
  std::string lines;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string space(widths[c] - columns(row[c]), ' ');
      line += (c > 0 ? "  " : "") + (alignment_[c] == 'r' ? space + row[c] : row[c] + space);
    }
    lines += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return lines;
}

}  // namespace fanin
