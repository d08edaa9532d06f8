#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/state_dict.h"

namespace fanin {

/// A rule that moves parameters along their gradients. One parallel pass over all parameters computes a step; its
/// result does not depend on the number of threads.
///
/// Parameters are named handles, f32 or f64, plain, that share the bytes with the model's: take them once the model's
/// dtype is final. A parameter whose grad() is undefined in a step (a frozen one) is left alone, decay included.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(Optimizer&&) = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// One step. Every gradient counts times `gradient_scale`, the factor from clip_scale(); grad() itself is not
  /// changed. Throws ShapeError if a gradient's shape or dtype is not its parameter's.
  void step(double gradient_scale = 1);
  /// Forgets all gradients.
  void zero_grad();

  double lr() const { return lr_; }
  void set_lr(double lr) { lr_ = lr; }
  const StateDict& parameters() const { return parameters_; }

  /// What the next step depends on besides parameters and gradients: "momentum.<parameter>", …, and "steps". Shares
  /// the bytes: not a snapshot.
  StateDict state() const;
  /// Goes on from a saved state(). Throws StateDictError if a name or a shape does not fit; then nothing has changed.
  void load_state(const StateDict& state);

 protected:
  /// A stretch of one parameter, all pointers to elements of `dtype`.
  struct Stretch {
    DType dtype;
    Dim count;
    void* weight;
    const void* gradient;
    std::array<void*, 2> moments;  // those the rule named; else null
    double gradient_scale;
    std::int64_t step;  // 1 in the parameter's first step
  };

  /// `moments`: names of the tensors kept beside each parameter, at most two; they start at zero.
  Optimizer(StateDict parameters, double lr, std::vector<std::string_view> moments);

 private:
  struct Slot {
    std::array<Tensor, 2> moments;
    std::int64_t steps = 0;
  };

  virtual void update(const Stretch& stretch) const = 0;
  Stretch prepare(std::size_t index, const Tensor& gradient, double gradient_scale);

  StateDict parameters_;
  std::vector<Slot> slots_;
  std::vector<std::string_view> moment_names_;
  double lr_;
};

}  // namespace fanin
