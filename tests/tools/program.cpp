#include "tests/tools/program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace {

std::string program() {
  const char* path = std::getenv("FANIN_PROGRAM");
  if (path == nullptr) throw std::runtime_error("FANIN_PROGRAM must name the program under test");
  return std::filesystem::absolute(path).string();
}

std::string quoted(const std::string& word) { return "'" + word + "'"; }

}  // namespace

Folder::Folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "fanin-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Ran call(const Folder& folder, const std::string& arguments, const std::string& before) {
  const std::string line = "cd " + quoted(folder.path()) + " && " + before + " " + quoted(program()) + " " + arguments +
                           " </dev/null >stdout.txt 2>stderr.txt";
  const int status = std::system(line.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), content(folder / "stdout.txt"),
          content(folder / "stderr.txt")};
}

Running::Running(const Folder& folder, const std::vector<std::string>& arguments) {
  const std::string path = program();
  std::vector<char*> words{const_cast<char*>(path.c_str())};
  for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  process_ = fork();
  if (process_ != 0) return;
  const int nowhere = open("/dev/null", O_RDWR);
  if (chdir(folder.path().c_str()) != 0 || dup2(nowhere, STDOUT_FILENO) < 0 || dup2(nowhere, STDERR_FILENO) < 0)
    _exit(99);
  execv(words[0], words.data());
  _exit(99);
}

Running::~Running() {
  if (code_ >= 0) return;
  kill(SIGKILL);
  wait();
}

bool Running::reaches(const std::string& file, int lines) {
  for (int i = 0; i < 6000; ++i) {
    if (count_lines(content(file)) >= lines) return true;
    int status = 0;
    if (waitpid(process_, &status, WNOHANG) == process_) {
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

void Running::kill(int signal) { ::kill(process_, signal); }

int Running::wait() {
  if (code_ >= 0) return code_;
  int status = 0;
  waitpid(process_, &status, 0);
  return code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void write_cifar(const std::string& folder, int train, int test) {
  std::filesystem::create_directories(folder);
  const auto write = [&](const std::string& name, int count, unsigned seed) {
    std::ofstream file(folder + "/" + name, std::ios::binary);
    unsigned state = seed;
    for (int i = 0; i < count; ++i) {
      const int label = i % 10;
      file.put(static_cast<char>(label));
      for (int channel = 0; channel < 3; ++channel)
        for (int pixel = 0; pixel < 1024; ++pixel) {
          state = state * 1664525U + 1013904223U;
          const int colour = (label * (40 + 30 * channel)) % 200;
          file.put(static_cast<char>(colour + static_cast<int>(state >> 24) % 56));
        }
    }
  };
  write("data_batch_1.bin", train, 1);
  if (test > 0) write("test_batch.bin", test, 2);
}

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream all;
  all << file.rdbuf();
  return all.str();
}

int count_lines(const std::string& text) { return static_cast<int>(std::count(text.begin(), text.end(), '\n')); }
