#pragma once

#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace fanin {

/// A small, awkward call of an operator: the tests draw the inputs and try it in every way they know.
struct Sample {
  std::string label;
  std::vector<Shape> inputs;  // all floating, all differentiable
  std::function<Tensor(const Tensors&)> call;
};

/// A call that must be refused, and words that its message must contain.
struct Rejected {
  std::string label;
  std::function<void()> call;
  std::string mentions;
};

/// An operator's card: what the generic tests (gradients, kernels against the reference, layouts, bf16, refusals) and
/// `fanin gradcheck` need to know.
struct OpInfo {
  std::string_view name;
  std::vector<Sample> samples;
  std::vector<Rejected> rejects = {};
  /// Inputs are drawn uniformly from [low, high], …
  double low = -2;
  double high = 2;
  /// … and kept at least 1e-3 away from these points, where the operator has a kink.
  std::vector<double> kinks = {};
  /// Largest allowed difference of the bf16 result from the f32 one, relative to the largest element. Infinite for an
  /// operator that does not take bf16.
  double bf16_tolerance = 2e-2;
};

}  // namespace fanin
