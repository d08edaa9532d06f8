#pragma once

#include "core/ops/op_info.h"

namespace fanin {

/// relu(x) = max(x, 0), element-wise.
///
/// x  any shape; f32, f64, bf16; any layout, kept    →  same shape, dtype and layout
///
/// Gradient: dx = dy where y > 0, else 0. At x = 0 we take 0, as PyTorch and oneDNN do. A NaN stays one.
/// Saved for backward: the output.
Tensor relu(const Tensor& x);
/// Its gradient, not recorded: dy where the output y is above 0, else 0; in the layout of y. For operators with a ReLU
/// of their own.
Tensor relu_gradient(const Tensor& dy, const Tensor& y);
OpInfo relu_info();

}  // namespace fanin
