#pragma once

#include "core/ops/op_info.h"

namespace fanin {

// Functions of one number, element by element.
//
// x  any shape; f32, f64, bf16    →  same shape and dtype
//
// neg, abs, and clamp where 0 is within its bounds, keep a blocked layout; the others go plain first, as their zero
// lanes would not stay zero. Outside their domain log and sqrt give NaN, at its edge −∞ and 0, as IEEE 754 has it.
// Same as PyTorch's functions of these names.

/// −x. Gradient: −dy.
Tensor neg(const Tensor& x);
OpInfo neg_info();
inline Tensor operator-(const Tensor& x) { return neg(x); }

/// eˣ. Gradient: dy · y. Saved for backward: the output.
Tensor exp(const Tensor& x);
OpInfo exp_info();

/// The natural logarithm. Gradient: dy / x. Saved for backward: the input.
Tensor log(const Tensor& x);
OpInfo log_info();

/// √x. Gradient: dy / (2y), which is infinite at 0. Saved for backward: the output.
Tensor sqrt(const Tensor& x);
OpInfo sqrt_info();

/// |x|. Gradient: dy where x > 0, −dy where x < 0; 0 at x = 0. Saved for backward: the input.
Tensor abs(const Tensor& x);
OpInfo abs_info();

/// min(max(x, low), high). NaN stays NaN. Either bound may be infinite.
/// Gradient: dy where low <= x <= high, bounds included, else 0. Saved for backward: the input.
/// Throws NumericError if low > high or either is NaN.
Tensor clamp(const Tensor& x, double low, double high);
OpInfo clamp_info();

}  // namespace fanin
