#include "core/io/atomic_file.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "core/check.h"
#include "core/io/safetensors.h"
#include "tests/scratch_folder.h"

using namespace fanin;

namespace {

/// Within the scope no file of this process grows beyond `bytes`: writing further fails as on a full disk.
class FileSizeLimit final {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &outer_);
    const rlimit limit{bytes, outer_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &outer_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit outer_{};
  void (*handler_)(int);
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a committed file has its content and the mode the umask gives") {
  const ScratchFolder folder;
  AtomicFile file(folder / "a");
  file.write("one ");
  file.write("two");
  CHECK_FALSE(std::filesystem::exists(folder / "a"));
  file.commit();
  CHECK(read_file(folder / "a") == "one two");
  CHECK(folder.names() == Names{"a"});
  const mode_t mask = ::umask(0);
  ::umask(mask);
  struct stat status {};
  REQUIRE(::stat((folder / "a").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == (0666 & ~mask));
}

TEST_CASE("a file that was not committed leaves nothing, and the old one stays") {
  const ScratchFolder folder;
  write_file(folder / "a", "old");
  { AtomicFile(folder / "a").write("new"); }
  CHECK(read_file(folder / "a") == "old");
  CHECK(folder.names() == Names{"a"});
}

TEST_CASE("a full disk throws, leaves nothing and keeps the old file") {
  const ScratchFolder folder;
  write_file(folder / "a", "old");
  {
    const FileSizeLimit limit(1000);
    CHECK_THROWS_AS(write_file(folder / "a", std::string(5000, 'x')), FileError);
    CHECK_THROWS_AS(save_safetensors(folder / "a", {{"w", Tensor::zeros({5000})}}), FileError);
  }
  CHECK(read_file(folder / "a") == "old");
  CHECK(folder.names() == Names{"a"});
}

TEST_CASE("what cannot be written to is refused with a reason") {
  const ScratchFolder folder;
  CHECK_THROWS_WITH_AS(AtomicFile(folder / "no/a"), doctest::Contains("there is no folder"), FileError);
  CHECK_THROWS_WITH_AS(AtomicFile("/dev/null"), doctest::Contains("no regular file"), FileError);
  CHECK_THROWS_WITH_AS(AtomicFile(folder / ""), doctest::Contains("no regular file"), FileError);
  CHECK_THROWS_AS(AtomicFile(""), FileError);
  CHECK(std::filesystem::is_character_file("/dev/null"));
}

TEST_CASE("a symbolic link stays one and its target is written") {
  const ScratchFolder folder;
  write_file(folder / "target", "old");
  std::filesystem::create_symlink("target", folder / "link");
  write_file(folder / "link", "new");
  CHECK(std::filesystem::is_symlink(folder / "link"));
  CHECK(read_file(folder / "target") == "new");
}

TEST_CASE("a reader that has the file open keeps the old content") {
  const ScratchFolder folder;
  write_file(folder / "a", "old");
  std::ifstream reader(folder / "a");
  write_file(folder / "a", "new");
  std::string word;
  reader >> word;
  CHECK(word == "old");
}

TEST_CASE("temporaries of processes that are gone are removed, those of living ones stay") {
  const ScratchFolder folder;
  // The child leaves its temporary behind, as a killed program does.
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    static AtomicFile* left = new AtomicFile(folder / "a");
    left->write("half");
    ::_exit(0);
  }
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  REQUIRE(folder.names().size() == 1);
  AtomicFile living(folder / "a");
  CHECK(folder.names().size() == 1);
  write_file(folder / "a", "whole");
  CHECK(folder.names().size() == 2);
  living.write("later");
  living.commit();
  CHECK(folder.names() == Names{"a"});
  CHECK(read_file(folder / "a") == "later");
}

TEST_CASE("read_file keeps its limit and reads what has no size") {
  const ScratchFolder folder;
  write_file(folder / "a", std::string(100'000, 'x'));
  CHECK(read_file(folder / "a", 100'000).size() == 100'000);
  CHECK_THROWS_WITH_AS(read_file(folder / "a", 99'999), doctest::Contains("99999"), FileError);
  CHECK_THROWS_WITH_AS(read_file("/dev/zero", 200'000), doctest::Contains("more than the 200000"), FileError);
  CHECK(read_file("/dev/null").empty());
  CHECK(read_file("/proc/self/stat").size() > 10);
  CHECK_THROWS_WITH_AS(read_file(folder / "no"), doctest::Contains("No such file"), FileError);
  CHECK_THROWS_WITH_AS(read_file(folder / ""), doctest::Contains("directory"), FileError);
}
