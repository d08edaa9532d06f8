#pragma once

#include <string>
#include <string_view>
#include <vector>

/// A file of the project: its path from the top, and its text.
struct SourceFile {
  std::string path;
  std::string text;

  std::string_view room() const { return std::string_view(path).substr(0, path.find('/')); }
  std::string_view name() const { return std::string_view(path).substr(path.rfind('/') + 1); }
  std::vector<std::string_view> lines() const;
  /// The words of letters, digits and underscores, comments and texts included, in their order.
  std::vector<std::string_view> words() const;
};

inline constexpr std::string_view rooms[] = {"core", "layers", "init", "models", "data", "tools", "tests"};

/// Every .h and .cpp file of the rooms, in the order of their paths. Fails the running test unless the working folder
/// is the top of the project.
std::vector<SourceFile> source_files();

/// What stands between the quotes or brackets of the line's #include, with them: "core/tensor.h" or <vector>; empty if
/// the line has none.
std::string_view included(std::string_view line);
