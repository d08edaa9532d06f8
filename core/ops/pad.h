#pragma once

#include "core/ops/op_info.h"

namespace fanin {

/// x with `value` around it. `padding` is in pairs (before, after), from the last dimension forwards as in PyTorch:
/// {left, right, top, bottom}; dimensions it leaves out are not padded.
///
/// x  any shape; f32, f64, bf16; blocked layouts go plain first    →  plain, with bytes of its own
///
/// Gradient: the part of dy that x went to. Saved for backward: nothing.
/// Throws ShapeError if `padding` is odd, longer than two a dimension, or negative (slice() crops).
/// Same as torch.nn.functional.pad with mode="constant".
Tensor pad(const Tensor& x, const std::vector<Dim>& padding, double value = 0);
OpInfo pad_info();

}  // namespace fanin
