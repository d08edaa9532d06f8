#pragma once

#include <cstddef>
#include <string>

namespace fanin {

/// A file opened for reading, front to back, with read(2): a file that another process shortens meanwhile ends in a
/// FileError, where a mapped one would end the process. Every failure throws FileError with path, offset and reason.
class InputFile final {
 public:
  explicit InputFile(std::string path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  /// Whether it is a file in the usual sense, with a size known beforehand: no pipe, terminal or device.
  bool regular() const { return regular_; }
  /// Size in bytes when it was opened; 0 if not regular.
  std::size_t size() const { return size_; }
  std::size_t offset() const { return offset_; }

  /// Reads exactly `count` bytes, or throws.
  void read(void* out, std::size_t count);
  /// Reads up to `count` bytes; fewer only at the end of the file.
  std::size_t read_some(void* out, std::size_t count);

 private:
  std::string path_;
  int descriptor_ = -1;
  bool regular_ = false;
  std::size_t size_ = 0;
  std::size_t offset_ = 0;
};

}  // namespace fanin
