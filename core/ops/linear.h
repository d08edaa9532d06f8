#pragma once

#include "core/ops/op_info.h"

namespace fanin {

/// y = x · Wᵀ + b.
///
/// x       [N, in]             f32, f64 or bf16
/// weight  [out, in]           same dtype
/// bias    [out] or undefined  f32 where x is bf16, else same dtype
/// →       [N, out]
///
/// Gradients: dx = dy · W, dW = dyᵀ · x, db = Σ dy over N. Saved for backward: x and weight.
/// Throws ShapeError if the sizes do not fit. Same as torch.nn.functional.linear.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});
OpInfo linear_info();

}  // namespace fanin
