#pragma once

#include "core/optim/optimizer.h"

namespace fanin {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  /// AdamW: decay shrinks the weight itself instead of joining the gradient.
  bool decoupled = false;
};

/// Adam and AdamW, with bias correction, in PyTorch's form; t counts a parameter's own steps from 1:
///
///   w ← w − lr·λ·w  (decoupled);   g ← g + λ·w  (otherwise)
///   m ← β₁·m + (1 − β₁)·g;   v ← β₂·v + (1 − β₂)·g²
///   w ← w − lr/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
///
/// Throws ShapeError for a negative lr, eps or decay, and for betas outside [0, 1).
/// Source: Kingma and Ba 2015 (arXiv:1412.6980); Loshchilov and Hutter 2019 (arXiv:1711.05101) for the decoupled
/// decay; same as torch.optim.Adam and AdamW.
class Adam final : public Optimizer {
 public:
  explicit Adam(StateDict parameters, const AdamOptions& options = {});

 private:
  void update(const Stretch& stretch) const override;
  AdamOptions options_;
};

}  // namespace fanin
