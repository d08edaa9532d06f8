#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "tests/scratch_folder.h"

namespace fanin::testing {

/// A new empty folder with a blank in its name, removed with all it holds at the end of the scope.
class TempFolder final {
 public:
  TempFolder() { std::filesystem::create_directory(path()); }

  std::string path(const std::string& below = "") const {
    return scratch_ / (below.empty() ? "some data" : "some data/" + below);
  }

  /// Writes a file and the folders above it.
  void write(const std::string& below, std::string_view bytes) const {
    std::filesystem::create_directories(std::filesystem::path(path(below)).parent_path());
    std::ofstream(path(below), std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

 private:
  ScratchFolder scratch_;
};

inline std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

/// A file of CIFAR records whose pixel j of record i is (seed + 7i + j) mod 256; extra label bytes come first.
inline std::string cifar_records(const std::vector<int>& labels, std::size_t label_bytes = 1, std::size_t seed = 0) {
  std::string file;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    file.append(label_bytes - 1, '\x13');
    file += static_cast<char>(labels[i]);
    for (std::size_t j = 0; j < 3072; ++j) file += static_cast<char>(seed + 7 * i + j);
  }
  return file;
}

inline std::string big32(std::uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8), static_cast<char>(v)};
}

/// IDX images of height × width whose bytes count up, and IDX labels.
inline std::string idx_images(std::uint32_t count, std::uint32_t height, std::uint32_t width) {
  std::string file = big32(0x803) + big32(count) + big32(height) + big32(width);
  for (std::uint32_t i = 0; i < count * height * width; ++i) file += static_cast<char>(i);
  return file;
}
inline std::string idx_labels(const std::vector<int>& labels) {
  std::string file = big32(0x801) + big32(static_cast<std::uint32_t>(labels.size()));
  for (const int label : labels) file += static_cast<char>(label);
  return file;
}

/// The message of what `f` throws, or "" if it throws nothing of the kind.
template <class E = FileError, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  return "";
}

inline bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace fanin::testing
