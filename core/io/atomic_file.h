#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fanin {

/// A file that appears under its name whole or not at all: written to a temporary beside it, fsynced, renamed by
/// commit(). Destroyed without commit(), it leaves nothing. Every failure (a full disk, a missing folder) throws
/// FileError with path and reason.
class AtomicFile final {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* bytes, std::size_t count);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();

 private:
  std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
};

/// The whole file. Throws FileError, also if it is longer than `limit` bytes.
std::string read_file(const std::string& path, std::size_t limit = std::size_t{1} << 32);
/// The whole file, which appears under its name with all of `text` in it or not at all. Throws FileError.
void write_file(const std::string& path, std::string_view text);

}  // namespace fanin
