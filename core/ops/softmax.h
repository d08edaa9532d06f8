#pragma once

#include "core/ops/op_info.h"

namespace fanin {

/// softmax(x)[c] = exp(x[c]) / Σ exp(x[k]) along dimension `dim`; the largest x is subtracted first, so that nothing
/// overflows.
///
/// x  any shape but a scalar; f32, f64, bf16; blocked layouts go plain first    →  same shape and dtype, plain
///
/// `dim` may be negative: −1 is the last. A line of −∞ alone, or with +∞ or NaN in it, gives NaN.
/// Gradient: dx = y · (dy − Σ dy · y). Saved for backward: the output.
/// Throws ShapeError if there is no such dimension. Same as torch.softmax.
Tensor softmax(const Tensor& x, int dim);
OpInfo softmax_info();

/// log softmax(x), without the underflow of taking the logarithm afterwards:
///
///   log_softmax(x)[c] = x[c] − m − log Σ exp(x[k] − m),    m = max x[k]
///
/// Shapes, dtypes, `dim` and errors as softmax. Gradient: dx = dy − exp(y) · Σ dy. Saved for backward: the output.
/// Same as torch.log_softmax.
Tensor log_softmax(const Tensor& x, int dim);
OpInfo log_softmax_info();

}  // namespace fanin
