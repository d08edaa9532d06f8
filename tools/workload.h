#pragma once

#include <memory>

#include "core/optim/optimizer.h"
#include "models/models.h"
#include "tools/estimate.h"
#include "tools/profile.h"

namespace fanin {

/// What `fanin bench` runs again and again, on noise: a training step as `fanin train` takes it, or a forward pass as
/// `fanin eval` takes it.
class Workload final {
 public:
  struct Choice {
    ModelChoice model;
    Shape images;
    DType dtype = DType::f32;
    bool training = true;
    std::uint64_t seed = 0;
  };

  /// Draws the model's published starting weights. For forward passes batch norm is folded into the convolutions
  /// where the model allows it and the dtype is not f64. Throws Error on impossible images.
  explicit Workload(const Choice& choice);

  /// Training: forward, cross-entropy, backward, and a step of SGD with momentum 0.9, Nesterov and weight decay 5e-4.
  /// Else the forward pass, with nothing recorded for backward.
  /// Tells `profile` the phases, if there is one.
  void run(Profile* profile = nullptr);

  Module& net() { return *net_; }
  const NoiseBatch& batch() const { return batch_; }

 private:
  bool training_;
  std::unique_ptr<Module> net_;
  NoiseBatch batch_;
  std::unique_ptr<Optimizer> optimizer_;  // null for forward passes
};

}  // namespace fanin
