#pragma once

#include <filesystem>
#include <string>
#include <vector>

/// A folder of its own for a test, removed at the end.
class Folder final {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// What a call of the program left.
struct Ran {
  int code = 0;
  std::string out;
  std::string err;
};

/// The real program, started in `folder` through the shell: call(folder, "train --epochs 1").
/// `before` comes before it in the shell line: "ulimit -f 1;".
Ran call(const Folder& folder, const std::string& arguments, const std::string& before = "");

/// The program left running; kill() sends a signal, wait() returns the exit code.
class Running final {
 public:
  Running(const Folder& folder, const std::vector<std::string>& arguments);
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  /// Waits until `file` has `lines` lines; false after a minute, or if the program ended before.
  bool reaches(const std::string& file, int lines);
  void kill(int signal);
  /// The exit code; 128 + n where signal n ended it.
  int wait();

 private:
  int process_ = -1;
  int code_ = -1;
};

/// A CIFAR-10 folder of `train` training and `test` test images: each class a colour, under noise.
void write_cifar(const std::string& folder, int train, int test = 0);
std::string content(const std::string& path);
int count_lines(const std::string& text);
