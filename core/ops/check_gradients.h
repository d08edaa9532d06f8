#pragma once

#include <string>

#include "core/ops/op_info.h"

namespace fanin {

/// Result of comparing an operator's gradients with central differences.
struct GradientCheck {
  double worst = 0;   // largest |numeric − analytic|
  std::string where;  // "input 1, element 5: numeric …, analytic …", of the worst one
};

/// The inputs a sample is tried with: uniform in the card's range, away from its kinks, drawn from (seed, input).
Tensors draw_inputs(const OpInfo& card, const Sample& sample, DType dtype, std::uint64_t seed = 1);

/// Checks every input's gradient of <c, call(inputs)> for a random cotangent c, in f64, by central differences of step
/// 1e-6. A correct gradient is within 1e-6 absolute of it for inputs of order 1.
GradientCheck check_gradients(const OpInfo& card, const Sample& sample, std::uint64_t seed = 1);

}  // namespace fanin
