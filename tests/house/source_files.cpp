#include "tests/house/source_files.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "core/io/atomic_file.h"

std::vector<std::string_view> SourceFile::lines() const {
  std::vector<std::string_view> lines;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    lines.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return lines;
}

std::vector<std::string_view> SourceFile::words() const {
  const auto in_word = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  };
  std::vector<std::string_view> words;
  for (auto start = text.begin(); (start = std::find_if(start, text.end(), in_word)) != text.end();) {
    const auto end = std::find_if_not(start, text.end(), in_word);
    words.emplace_back(start, end);
    start = end;
  }
  return words;
}

std::vector<SourceFile> source_files() {
  std::vector<SourceFile> files;
  for (const std::string_view room : rooms) {
    REQUIRE_MESSAGE(std::filesystem::is_directory(room), "run the house's tests from the top of the project");
    for (const auto& entry : std::filesystem::recursive_directory_iterator(room)) {
      const std::string path = entry.path().string();
      if (path.ends_with(".h") || path.ends_with(".cpp")) files.push_back({path, fanin::read_file(path)});
    }
  }
  std::ranges::sort(files, {}, &SourceFile::path);
  return files;
}

std::string_view included(std::string_view line) {
  const auto skip_blanks = [&] { line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size())); };
  skip_blanks();
  if (!line.starts_with('#')) return {};
  line.remove_prefix(1);
  skip_blanks();
  if (!line.starts_with("include")) return {};
  line.remove_prefix(7);
  skip_blanks();
  if (!line.starts_with('"') && !line.starts_with('<')) return {};
  const std::size_t end = line.find(line[0] == '"' ? '"' : '>', 1);
  return end == line.npos ? std::string_view{} : line.substr(0, end + 1);
}
