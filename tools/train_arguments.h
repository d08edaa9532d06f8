#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "core/optim/schedule.h"
#include "data/augment.h"
#include "tools/flags.h"

namespace fanin {

/// Everything `fanin train` can be told. Numbers that are NaN or zero here are decided by the recipe, else by
/// complete().
struct TrainArguments {
  DataFlags data;
  ModelFlags model;
  std::string init;
  std::string initial_weights;
  std::vector<std::string> freeze;

  std::int64_t epochs = 0;
  std::int64_t max_steps = 0;
  std::int64_t batch_size = 0;
  std::string opt = "sgd";
  double lr = NAN;
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;
  std::string sched = "constant";
  double warmup_epochs = 0;
  std::int64_t step_size = 30;
  std::vector<double> milestones;
  double gamma = 0.1;
  double min_lr = 0;
  std::int64_t plateau_patience = 10;
  double smoothing = 0;
  double clip_grad = 0;
  double ema_decay = 0;
  std::int64_t patience = 0;
  std::string augment = "none";
  bool no_shuffle = false;
  std::string precision = "f32";

  std::string recipe = "auto";
  std::string config;
  std::string output;
  std::string experiment;
  bool resume = false;
  bool overwrite = false;
  std::string seeds;
  std::int64_t log_interval = 10;
  bool profile = false;
  bool verify = false;

  void declare(Options& options);
  /// Decides what is still open, for a training set of `samples` images, and refuses what does not fit together.
  /// Throws UsageError.
  void complete(const Options& options, Dim samples, bool has_validation);

  /// For complete() arguments.
  Dim steps_per_epoch(Dim samples) const;
  std::int64_t total_steps(Dim samples) const;
  ScheduleOptions schedule(Dim samples) const;
};

/// "0..4" or "0,3,7": the seeds of several trainings. Throws UsageError.
std::vector<std::uint64_t> parse_seeds(std::string_view word);

}  // namespace fanin
