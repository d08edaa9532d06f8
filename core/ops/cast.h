#pragma once

#include "core/ops/op_info.h"

namespace fanin {

/// The same elements in another floating dtype, rounded to nearest, ties to even.
///
/// x  any shape, any dtype, any layout, kept    →  same shape and layout, dtype `to`; shares the bytes if it has it
/// already
///
/// Gradient: dy cast back to the dtype of x, if that is a floating one. Saved for backward: nothing.
/// Throws DTypeError unless `to` is f32, f64 or bf16: whole numbers have no gradient, Tensor::as() makes them.
/// Same as Tensor.to(dtype) in PyTorch.
Tensor cast(const Tensor& x, DType to);
OpInfo cast_info();

}  // namespace fanin
