#pragma once

#include "core/optim/optimizer.h"

namespace fanin {

struct SgdOptions {
  double lr = 0.1;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
};

/// Stochastic gradient descent with momentum, in PyTorch's form:
///
///   d ← g + λ·w;   v ← d in the first step, μ·v + (1 − τ)·d after;   d ← d + μ·v with Nesterov, v without
///   w ← w − lr·d
///
/// λ weight decay (on every parameter), μ momentum, τ dampening. Without momentum nothing is kept.
/// Throws ShapeError for a negative option, and for Nesterov without momentum or with dampening.
/// Source: Sutskever et al. 2013, "On the importance of initialization and momentum"; same as torch.optim.SGD.
class Sgd final : public Optimizer {
 public:
  explicit Sgd(StateDict parameters, const SgdOptions& options = {});

 private:
  void update(const Stretch& stretch) const override;
  SgdOptions options_;
};

}  // namespace fanin
