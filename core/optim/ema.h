#pragma once

#include "core/io/state_dict.h"

namespace fanin {

/// Exponential moving average of a model's floating tensors, running statistics included; integers are copied:
///
///   a ← decay·a + (1 − decay)·w
///
/// Evaluating the average instead of the weights smooths the noise of the last steps.
/// Source: Polyak and Juditsky 1992; the form of torch.optim.swa_utils.AveragedModel with that averaging function.
class Ema final {
 public:
  /// Starts as a copy of `state`, the handles of state_dict(model). Throws ShapeError unless 0 ≤ decay < 1.
  Ema(StateDict state, double decay);

  /// After each optimiser step.
  void update();
  /// Exchanges the model's values with the average's; once more puts both back. The model must not be trained
  /// between.
  void swap();

  const StateDict& average() const { return average_; }
  /// Goes on from a saved average(). Throws StateDictError if names or shapes differ.
  void load(const StateDict& average);

 private:
  StateDict state_;
  StateDict average_;
  double decay_;
};

}  // namespace fanin
