#pragma once

#include "core/ops/op_info.h"

namespace fanin {

/// a + b, element-wise, broadcasting as NumPy does.
///
/// a, b  f32, f64 or bf16, the same dtype    →  the broadcast shape; the layout of `a` where the shapes agree
///
/// Gradients: dy for each, summed over the dimensions it was repeated along.
/// Throws ShapeError if the shapes do not broadcast, DTypeError if the dtypes differ.
Tensor add(const Tensor& a, const Tensor& b);
OpInfo add_info();

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }

/// sum + term for gradients: never recorded; writes into `sum` where that is the only handle on its bytes. Same shape.
Tensor accumulate(Tensor sum, const Tensor& term);

}  // namespace fanin
