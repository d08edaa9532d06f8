#pragma once

#include "core/ops/op_info.h"

namespace fanin {

/// max(a + b, 0), element-wise: the tail of a residual block in one pass. Equal to relu(add(a, b)).
///
/// a, b  one shape and dtype (f32, f64, bf16); any layout    →  the same, in the layout of `a`
///
/// Gradient: dy where y > 0, else 0, for both. Saved for backward: the output.
/// Throws ShapeError if the shapes differ (nothing is broadcast), DTypeError if the dtypes do.
Tensor add_relu(const Tensor& a, const Tensor& b);
OpInfo add_relu_info();

}  // namespace fanin
