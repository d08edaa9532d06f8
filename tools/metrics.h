#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace fanin {

/// One line of metrics. Rows of steps have the loss of that step's batch before the update; rows of validations have
/// val_… and, as train_…, the means over the epoch's batches as they were trained. NaN: does not apply.
struct MetricsRow {
  std::int64_t step = 0;   // optimiser steps taken, this one included
  std::int64_t epoch = 0;  // from 1
  double loss = NAN;
  double top1 = NAN;  // of the batch, as a fraction of 1
  double lr = NAN;
  double images_per_second = NAN;
  double seconds = NAN;  // since the run began, pauses left out
  double train_loss = NAN;
  double train_top1 = NAN;
  double val_loss = NAN;
  double val_top1 = NAN;
  double val_top5 = NAN;
};

/// metrics.csv and metrics.jsonl: the same rows twice. A full disk does not stop a training: what could not be written
/// waits for the next row.
class MetricsFiles final {
 public:
  /// Goes on after row `keep_until`: later rows, and a last line cut off by a crash, are dropped.
  /// Throws FileError.
  MetricsFiles(std::string csv_path, std::string jsonl_path, std::int64_t keep_until);

  /// Returns an empty string, or why the row could not be written yet.
  std::string add(const MetricsRow& row);
  /// Throws FileError if rows are still waiting and cannot be written.
  void finish();

 private:
  struct File {
    std::string path;
    std::string waiting;
  };
  std::array<File, 2> files_;
};

/// The validation whose weights are kept: of the highest top-1, among equal ones of the lowest loss.
struct Best {
  std::int64_t epoch = -1;  // as its caller counts; −1: none yet
  double top1 = -1;
  double loss = std::numeric_limits<double>::infinity();

  /// Whether this one is better than all before; notes it. NaN never is.
  bool note(std::int64_t its_epoch, double its_top1, double its_loss) {
    if (!(its_top1 > top1 || (its_top1 == top1 && its_loss < loss))) return false;
    *this = {its_epoch, its_top1, its_loss};
    return true;
  }
};

/// The rows of a metrics.jsonl. Throws FileError.
std::vector<MetricsRow> read_metrics(const std::string& jsonl_path);

}  // namespace fanin
