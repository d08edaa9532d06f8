#include "core/io/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/check.h"
#include "core/io/input_file.h"

namespace fanin {

namespace fs = std::filesystem;

namespace {

fs::path folder_of(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

/// "weights.safetensors.tmp.HOST.": what temporaries for `path` made on this machine begin with.
std::string temporary_prefix(const std::string& path) {
  std::array<char, 65> host{};
  ::gethostname(host.data(), host.size() - 1);
  return text(path, ".tmp.", host.data(), ".");
}

/// The process id at the start of "PID.COUNT", or 0.
pid_t leading_pid(std::string_view rest) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), pid);
  return error == std::errc() && end != rest.data() + rest.size() && *end == '.' ? pid : 0;
}

/// Removes what processes of this machine that no longer exist have left of `path`.
void remove_stale(const std::string& path) {
  const std::string prefix = fs::path(temporary_prefix(path)).filename();
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_of(path), ignored)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(prefix)) continue;
    const pid_t pid = leading_pid(std::string_view(name).substr(prefix.size()));
    if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) fs::remove(entry.path(), ignored);
  }
}

/// Where the bytes are to go: the target of a symbolic link stays where it is. A device or a folder is refused:
/// rename(2) would put a file in its place.
std::string destination(const std::string& path) {
  std::error_code error;
  check<FileError>(!path.empty(), "cannot write a file without a name");
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) return path;
  check<FileError>(fs::is_regular_file(status), "cannot write '", path, "': it exists and is no regular file");
  return fs::is_symlink(fs::symlink_status(path, error)) ? fs::canonical(path).string() : path;
}

/// A rename is on the disk once its folder is.
void sync_folder(const std::string& path) {
  const int folder = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;  // a folder one may write to but not read
  const int result = ::fsync(folder);
  const int reason = errno;
  ::close(folder);
  // EINVAL: a file system that has no such operation.
  check<FileError>(result == 0 || reason == EINVAL, "wrote '", path,
                   "', but its folder could not be synced: ", std::strerror(reason));
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(destination(path)) {
  static std::atomic<unsigned> count{0};
  const std::string folder = folder_of(path_);
  check<FileError>(fs::is_directory(folder), "cannot write '", path_, "': there is no folder '", folder, "'");
  remove_stale(path_);
  temporary_ = text(temporary_prefix(path_), ::getpid(), ".", count++);
  ::unlink(temporary_.c_str());  // left by an earlier process that had our id: in a container ids repeat
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  check<FileError>(descriptor_ >= 0, "cannot write '", path_, "': ", std::strerror(errno));
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* bytes, std::size_t count) {
  const char* next = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t written = ::write(descriptor_, next, std::min(count, std::size_t{1} << 30));
    if (written < 0 && errno == EINTR) continue;
    check<FileError>(written > 0, "cannot write '", path_, "': ", std::strerror(written < 0 ? errno : ENOSPC));
    next += written;
    count -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::commit() {
  // After a failed fsync the kernel may call the lost pages clean: no second try on the same file.
  const bool synced = ::fsync(descriptor_) == 0;
  const int reason = errno;
  const bool closed = ::close(std::exchange(descriptor_, -1)) == 0;
  check<FileError>(synced && closed, "cannot write '", path_, "': ", std::strerror(synced ? errno : reason));
  check<FileError>(::rename(temporary_.c_str(), path_.c_str()) == 0, "cannot write '", path_,
                   "': ", std::strerror(errno));
  temporary_.clear();
  sync_folder(path_);
}

std::string read_file(const std::string& path, std::size_t limit) {
  InputFile file(path);
  check<FileError>(file.size() <= limit, "'", path, "' has ", file.size(), " bytes, more than the ", limit,
                   " that are expected here");
  std::string content;
  std::size_t got = 0;
  // A file may grow while it is read, and a pipe has no size: read until the end, and no further than the limit.
  do {
    const std::size_t more = std::max<std::size_t>(file.size() + 1 - std::min(file.size(), got), 1 << 16);
    content.resize(got + more);
    const std::size_t read = file.read_some(content.data() + got, more);
    got += read;
    check<FileError>(got <= limit, "'", path, "' has more than the ", limit, " bytes that are expected here");
    if (read < more) break;
  } while (true);
  content.resize(got);
  return content;
}

void write_file(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace fanin
