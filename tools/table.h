#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fanin {

/// Rows of text in aligned columns.
class Table final {
 public:
  /// `alignment`: a letter for each column, l or r.
  Table(std::vector<std::string> header, std::string_view alignment);
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
  std::string alignment_;
};

}  // namespace fanin
