#include "tools/run_folder.h"

#include <filesystem>

#include "core/check.h"
#include "tools/options.h"

namespace fanin {

namespace fs = std::filesystem;

RunFolder::RunFolder(std::string path, Mode mode) : path_(std::move(path)), mode_(mode) {
  std::error_code ignored;
  const bool there = fs::exists(fs::symlink_status(path_, ignored));
  check<UsageError>(mode != Mode::fresh || !there, path_,
                    " exists already; add --resume to go on with it, --overwrite to replace it, or name another");
  check<FileError>(mode != Mode::resume || has("args.json"), path_, ": no run to resume (there is no args.json)");
  check<UsageError>(mode != Mode::overwrite || !there || has("args.json") || fs::is_empty(path_, ignored), path_,
                    " is no run folder (there is no args.json); it will not be overwritten");
}

void RunFolder::create() {
  std::error_code error;
  if (mode_ == Mode::overwrite) fs::remove_all(path_, error);
  check<FileError>(!error, path_, ": cannot be replaced: ", error.message());
  for (const char* part : {"weights", "checkpoint"}) {
    fs::create_directories(fs::path(path_) / part, error);
    check<FileError>(!error, path_, ": cannot be made: ", error.message());
  }
}

void RunFolder::withdraw() const {
  std::error_code ignored;
  if (mode_ != Mode::resume && !has(checkpoint)) fs::remove_all(path_, ignored);
}

std::string RunFolder::file(std::string_view name) const { return (fs::path(path_) / name).string(); }

bool RunFolder::has(std::string_view name) const {
  std::error_code ignored;
  return fs::exists(fs::path(path_) / name, ignored);
}

std::string RunFolder::choose(const std::string& output, const std::string& experiment, const std::string& stem) {
  if (!output.empty()) return experiment.empty() ? output : (fs::path(output) / experiment).string();
  if (!experiment.empty()) return (fs::path("runs") / experiment).string();
  std::error_code ignored;
  for (int number = 1;; ++number) {
    const fs::path path = fs::path("runs") / text(stem, "-", number);
    if (!fs::exists(path, ignored)) return path.string();
  }
}

}  // namespace fanin
