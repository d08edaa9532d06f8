#pragma once

#include "core/ops/add.h"
#include "core/ops/op_info.h"

namespace fanin {

// Arithmetic besides add, element by element, broadcasting as NumPy does.
//
// a, b  f32, f64 or bf16, the same dtype    →  the broadcast shape; the layout of `a` where the shapes agree, else
// plain
//
// Gradients are summed over the dimensions an operand was repeated along.
// All throw ShapeError if the shapes do not broadcast, DTypeError if the dtypes differ.
// A number as one operand counts as a scalar of the other's dtype. Same as torch.sub, mul, div.

/// a − b. Gradients: dy and −dy. Saved for backward: nothing.
Tensor sub(const Tensor& a, const Tensor& b);
OpInfo sub_info();

/// a · b. Gradients: dy · b and dy · a. Saved for backward: each operand whose partner wants a gradient.
Tensor mul(const Tensor& a, const Tensor& b);
OpInfo mul_info();

/// a / b; blocked layouts go plain first, as their lanes hold 0/0. Division by zero gives ±∞ or NaN.
/// Gradients: dy / b and −dy · y / b. Saved for backward: b, and y if b wants a gradient.
Tensor div(const Tensor& a, const Tensor& b);
OpInfo div_info();

inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }

Tensor operator+(const Tensor& a, double b);
Tensor operator-(const Tensor& a, double b);
Tensor operator*(const Tensor& a, double b);
Tensor operator/(const Tensor& a, double b);
Tensor operator+(double a, const Tensor& b);
Tensor operator-(double a, const Tensor& b);
Tensor operator*(double a, const Tensor& b);
Tensor operator/(double a, const Tensor& b);

}  // namespace fanin
