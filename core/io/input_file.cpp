#include "core/io/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/check.h"

namespace fanin {

InputFile::InputFile(std::string path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  check<FileError>(descriptor_ >= 0, "cannot open '", path_, "': ", std::strerror(errno));
  struct stat status {};
  const int result = ::fstat(descriptor_, &status);
  const bool folder = result == 0 && S_ISDIR(status.st_mode);
  if (result != 0 || folder) {
    const int reason = folder ? EISDIR : errno;
    ::close(descriptor_);
    fail<FileError>("cannot read '", path_, "': ", std::strerror(reason));
  }
  regular_ = S_ISREG(status.st_mode);
  size_ = regular_ ? static_cast<std::size_t>(status.st_size) : 0;
}

InputFile::~InputFile() { ::close(descriptor_); }

std::size_t InputFile::read_some(void* out, std::size_t count) {
  constexpr std::size_t most = std::size_t{1} << 30;  // one read(2) moves at most 2 GiB
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got = ::read(descriptor_, static_cast<char*>(out) + done, std::min(count - done, most));
    if (got < 0 && errno == EINTR) continue;
    check<FileError>(got >= 0, "cannot read '", path_, "' at byte ", offset_, ": ", std::strerror(errno));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
    offset_ += static_cast<std::size_t>(got);
  }
  return done;
}

void InputFile::read(void* out, std::size_t count) {
  const std::size_t start = offset_;
  const std::size_t got = read_some(out, count);
  check<FileError>(got == count, "'", path_, "' ends at byte ", offset_, ", expected ", count, " bytes from byte ",
                   start, " on: the file is truncated");
}

}  // namespace fanin
