#pragma once

#include "layers/module.h"

namespace fanin {

struct BatchNorm2dLayerOptions {
  double momentum = 0.1;  // weight of the new value, as in PyTorch
  double eps = 1e-5;
};

/// Batch normalisation of [N, channels, H, W]; see batch_norm2d() for the formula. In training it uses the batch's
/// statistics and moves the running ones, in evaluation it uses the running ones.
///
/// weight, bias [channels]: unset until initialised. running_mean 0, running_var 1, num_batches_tracked 0 (i64) are
/// state, not a choice, and set from the start.
class BatchNorm2d final : public Module {
 public:
  explicit BatchNorm2d(Dim channels, BatchNorm2dLayerOptions options = {});

  Tensor forward(const Tensor& x) override { return normalise(x, false, {}); }
  /// relu(forward(x)) in one operator, with the layer's hooks and path as if it had been called.
  Tensor then_relu(const Tensor& x);
  /// add_relu(forward(x), addend) likewise: the tail of a residual block. Hooks see what it returns, sum and ReLU
  /// included.
  Tensor then_add_relu(const Tensor& x, const Tensor& addend);
  void visit(ModuleVisitor& v) override;
  std::string_view type() const override { return "BatchNorm2d"; }
  std::string describe() const override;

  Tensor weight, bias, running_mean, running_var, num_batches_tracked;
  BatchNorm2dLayerOptions options;

 private:
  Tensor normalise(const Tensor& x, bool relu, const Tensor& addend);
};

}  // namespace fanin
