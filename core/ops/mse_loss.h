#pragma once

#include <cstdint>

#include "core/ops/op_info.h"

namespace fanin {

/// What becomes of a loss per element: its mean, its sum, or all of them.
enum class Reduction : std::uint8_t { mean, sum, none };

/// Squared error (x − target)², reduced.
///
/// x, target  one shape, one of f32, f64, bf16    →  a scalar; with Reduction::none the shape and layout of x
///
/// Gradients: ±2 · dy · (x − target), over the number of elements for the mean. Saved for backward: x and target.
/// Throws ShapeError if the shapes differ: [N, 1] and [N] would broadcast to N² errors. The mean of nothing is NaN.
/// Same as torch.nn.functional.mse_loss.
Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean);
OpInfo mse_loss_info();

}  // namespace fanin
