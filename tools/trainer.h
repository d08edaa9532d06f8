#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/optim/ema.h"
#include "core/optim/optimizer.h"
#include "core/optim/schedule.h"
#include "data/loader.h"
#include "tools/checkpoint.h"
#include "tools/command.h"
#include "tools/metrics.h"
#include "tools/profile.h"
#include "tools/progress.h"
#include "tools/run_folder.h"
#include "tools/train_arguments.h"
#include "tools/weights_file.h"

namespace fanin {

/// What a training starts from, every decision made.
struct TrainSetup {
  TrainArguments arguments;
  std::uint64_t seed = 0;
  DType dtype = DType::f32;
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> val;  // or null
  Normalisation normalisation;
  std::unique_ptr<Module> net;  // every parameter set, frozen ones without requires_grad
  WeightsInfo info = {};        // for the files it writes
  std::string found = {};       // what schemes that look at data found, in lines
};

/// One training, from the first step or from a checkpoint to the end, an interruption, or a loss that is not finite.
class Trainer final {
 public:
  /// Throws Error if no parameter is left to train.
  Trainer(TrainSetup setup, RunFolder folder, Console& console);

  /// How long it will take and how much memory, in a sentence; measures a step on noise.
  std::string plan();
  /// Where the run goes on, takes what its checkpoint has. Throws FileError if that does not fit; nothing is written.
  void resume();
  /// Trains. Ctrl-C and SIGTERM end it after the step under way, saved for --resume. Throws FileError if at the end
  /// something could not be written, Failure if the library refuses a step.
  Outcome run();
  /// Whether an epoch came to its end, in this sitting or before.
  bool has_results() const { return state_.ended >= 0; }

 private:
  enum class End : unsigned char { none, interrupted, diverged };

  End train_epoch();
  End step(const Batch& batch);
  /// End of an epoch or of the training: validation, best weights, schedule, checkpoint.
  End end_epoch();
  Evaluation validate();
  bool finished() const;
  void save();
  void save_weights(const char* name);
  /// Runs what writes files; a failure is said, and returned, but ends nothing.
  std::string attempt(const std::function<void()>& write);
  void report(const MetricsRow& row);
  void show_step(const Batch& batch, double seconds);
  void show_epoch(const MetricsRow& row, bool best);
  double elapsed() const;
  Profile* profile() { return profile_ ? &*profile_ : nullptr; }
  void write_profile();
  Outcome outcome(End end);

  TrainSetup setup_;
  RunFolder folder_;
  Console& console_;
  std::unique_ptr<Optimizer> optimizer_;
  Schedule schedule_;
  std::optional<Ema> ema_;
  Loader loader_;
  std::optional<MetricsFiles> metrics_;
  std::optional<Profile> profile_;
  Progress progress_;
  TrainState state_;
  std::int64_t total_steps_;
  std::int64_t steps_per_epoch_;
  std::optional<Evaluation> best_;  // of this sitting
  MetricsRow last_row_;             // of the last validation or epoch
  std::string diverged_;
  Json diagnosis_;
  std::string save_error_;
  std::string best_error_;
  double step_seconds_ = 0;        // smoothed
  double validation_seconds_ = 0;  // of the last validation
  std::chrono::steady_clock::time_point started_;
};

}  // namespace fanin
