#pragma once

#include <utility>

#include "core/tensor.h"

namespace fanin {

/// The shape two operands broadcast to, by NumPy's rule: aligned at the last dimension, sizes are equal or one of them
/// is 1. Throws ShapeError naming `op` and both shapes.
Shape broadcast_shape(std::string_view op, const Shape& a, const Shape& b);

/// `x` repeated to `shape`, plain. Shares the bytes if the shapes agree.
Tensor broadcast_to(const Tensor& x, const Shape& shape);

/// The adjoint of broadcast_to: `dy` summed over the repeated dimensions, back to `shape`.
Tensor sum_to(const Tensor& dy, const Shape& shape);

/// Both operands of an element-wise operator with one shape and one layout, so that their raw elements line up; only
/// one of a single element is left unrepeated beside a larger (or empty) one.
/// Throws ShapeError or DTypeError naming `op`.
std::pair<Tensor, Tensor> line_up(std::string_view op, const Tensor& a, const Tensor& b);

}  // namespace fanin
