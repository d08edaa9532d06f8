#pragma once

#include <string>

namespace fanin {

/// Where a training keeps what it makes:
///
///   args.json          every option as decided, versions, machine; feeds back by --config
///   metrics.csv/.jsonl what was measured, a line at a time
///   weights/           best.safetensors and last.safetensors
///   checkpoint/        what --resume needs
///   confusion.csv      of the validation images, by the best weights; without validation of the last training epoch
///   trace.json         with --profile: spans of three steps, for chrome://tracing and Perfetto
///   report.html        curves and tables in one file
class RunFolder final {
 public:
  enum class Mode : unsigned char { fresh, resume, overwrite };
  static constexpr const char* checkpoint = "checkpoint/state.safetensors";

  /// Looks only; throws UsageError if the folder is there in mode `fresh`, or there and no run in mode `overwrite`,
  /// and FileError if it is not there in mode `resume`.
  RunFolder(std::string path, Mode mode);
  /// Makes the folder, in mode `overwrite` empty. Throws FileError if it cannot be written.
  void create();
  /// Takes away what create() made; nothing of a resumed run, or of one that can be.
  void withdraw() const;

  const std::string& path() const { return path_; }
  Mode mode() const { return mode_; }
  std::string file(std::string_view name) const;
  bool has(std::string_view name) const;

  /// The folder that --output and --experiment name: DIR, DIR/NAME or runs/NAME; with neither the first free
  /// runs/STEM-N.
  static std::string choose(const std::string& output, const std::string& experiment, const std::string& stem);

 private:
  std::string path_;
  Mode mode_;
};

}  // namespace fanin
