#pragma once

#include <limits>

#include "core/ops/op_info.h"

namespace fanin {

/// Places start, start + step, … below stop along one dimension, as in Python: negative numbers count from the end, and
/// bounds beyond the ends mean the ends. By default everything.
struct Slice {
  Dim start = 0;
  Dim stop = std::numeric_limits<Dim>::max();
  Dim step = 1;
};

/// A box out of x, or every n-th element: slice(x, {{}, {0, 3}, {.step = 2}}) is x[:, 0:3, ::2].
///
/// x  any shape; f32, f64, bf16; blocked layouts go plain first    →  plain, with bytes of its own, the same rank
///
/// `slices` are for the dimensions in order; what they leave out is kept whole.
/// Gradient: dy at the places taken, 0 elsewhere. Saved for backward: nothing.
/// Throws ShapeError if there are more slices than dimensions, or a step is not positive.
/// Same as indexing a torch.Tensor with slices.
Tensor slice(const Tensor& x, const std::vector<Slice>& slices);
OpInfo slice_info();

}  // namespace fanin
