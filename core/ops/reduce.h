#pragma once

#include "core/ops/op_info.h"

namespace fanin {

// Sums, means and maxima over dimensions.
//
// x     any shape; f32, f64, bf16; blocked layouts go plain first
// dims  the dimensions to reduce, in any order; negative numbers count from the end; none named: all of them
// →     x's shape without those dimensions, or with 1 in their place if `keepdim`; plain
//
// All throw ShapeError if a dimension does not exist or is named twice.

/// Σ x over `dims`; 0 over nothing. Added up in double, in an order that does not depend on threads.
/// Gradient: dy, repeated. Saved for backward: nothing. Same as torch.sum.
Tensor sum(const Tensor& x, const std::vector<int>& dims = {}, bool keepdim = false);
OpInfo sum_info();

/// sum(x) / the number of elements added; NaN over nothing.
/// Gradient: dy over that number, repeated. Saved for backward: nothing. Same as torch.mean.
Tensor mean(const Tensor& x, const std::vector<int>& dims = {}, bool keepdim = false);
OpInfo mean_info();

/// The largest x over `dims`; a NaN counts as the largest.
/// Gradient: dy goes to the first of several equal maxima in row-major order, as in torch.max(x, dim) (torch.amax
/// shares it out). Saved for backward: the place of each maximum.
/// Throws ShapeError also if there is nothing to take a maximum of.
Tensor max(const Tensor& x, const std::vector<int>& dims = {}, bool keepdim = false);
OpInfo max_info();

}  // namespace fanin
