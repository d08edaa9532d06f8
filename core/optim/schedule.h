#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fanin {

enum class Decay : unsigned char { constant, step, multistep, cosine, onecycle, plateau };

std::string_view name_of(Decay decay);
/// From its name: constant, step, multistep, cosine, onecycle, plateau.
std::optional<Decay> decay_from(std::string_view name);

/// The learning rate over a training. s is the step, counted from 0; e = ⌊s / steps_per_epoch⌋ the epoch;
/// w = warmup_epochs · steps_per_epoch and S = total_steps.
///
///   constant    lr
///   step        lr · gamma^⌊e / step_epochs⌋
///   multistep   lr · gamma^(number of milestones ≤ e)
///   cosine      min_lr + (lr − min_lr) · (1 + cos(π (s − w) / (S − w))) / 2, per step
///   onecycle    from lr/25 up to lr in the first 30 % of the steps, then down to lr/250,000, both along a cosine,
///               per step; momentum is not cycled
///   plateau     lr · gamma each time more than `patience` epochs in a row brought no lower loss (by 1e-4 of it)
///
/// The first w steps warm up: lr · (s + 1) / w, in place of the above.
///
/// Same numbers as torch.optim.lr_scheduler's StepLR, MultiStepLR, CosineAnnealingLR (at whole epochs), OneCycleLR
/// and ReduceLROnPlateau with these settings.
/// Source of one-cycle: Smith and Topin 2017 (arXiv:1708.07120); of the warm-up: Goyal et al. 2017 (arXiv:1706.02677).
struct ScheduleOptions {
  Decay decay = Decay::constant;
  double lr = 0.1;
  std::int64_t total_steps = 1;
  std::int64_t steps_per_epoch = 1;
  double warmup_epochs = 0;
  double gamma = 0.1;
  std::int64_t step_epochs = 30;
  std::vector<std::int64_t> milestones = {};
  double min_lr = 0;
  int patience = 10;  // plateau only
};

class Schedule final {
 public:
  /// Throws ShapeError for numbers that make no schedule: no steps, a warm-up longer than the training, milestones
  /// out of order, one-cycle with a warm-up of its own.
  explicit Schedule(ScheduleOptions options);

  /// The rate of step `step`, 0 … total_steps − 1 (beyond it, that of the last).
  double lr(std::int64_t step) const;
  /// Tells plateau the loss of the epoch that ended; the others do not care.
  void epoch_ended(double loss);

  /// What plateau remembers, for a checkpoint: three numbers.
  std::vector<double> state() const { return {factor_, best_, static_cast<double>(bad_epochs_)}; }
  /// Throws ShapeError unless there are three.
  void load_state(const std::vector<double>& state);

 private:
  double one_cycle(std::int64_t step) const;

  ScheduleOptions options_;
  double warmup_steps_;
  double factor_ = 1;
  double best_ = std::numeric_limits<double>::infinity();
  int bad_epochs_ = 0;
};

}  // namespace fanin
