#pragma once

#include <initializer_list>

#include "core/ops/op_info.h"

namespace fanin {

/// The same elements in row-major order under another shape.
///
/// x  any shape, any floating dtype; blocked layouts go plain first    →  plain; shares the bytes of a plain x
///
/// One size may be −1: it becomes what is left of the number of elements.
/// Gradient: dy under the shape of x. Saved for backward: nothing.
/// Throws ShapeError if the numbers of elements differ, or if −1 is given twice or cannot be worked out.
/// Same as torch.reshape.
Tensor reshape(const Tensor& x, std::initializer_list<Dim> sizes);
Tensor reshape(const Tensor& x, const Shape& shape);

/// Joins the dimensions from `start` to the last: [N, C, H, W] → [N, C·H·W]. A negative `start` counts from the end.
/// A reshape. Same as torch.flatten, but that `start` is 1 by default as in torch.nn.Flatten.
Tensor flatten(const Tensor& x, int start = 1);

OpInfo reshape_info();

}  // namespace fanin
