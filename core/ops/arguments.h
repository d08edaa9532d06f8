#pragma once

#include <initializer_list>
#include <string_view>

#include "core/tensor.h"

namespace fanin {

/// Throws ShapeError if `x` is undefined, DTypeError if it is not f32, f64 or bf16; both name `op`.
void check_floating(std::string_view op, const Tensor& x);

/// `dim` counted from the front: −1 is the last of `rank` dimensions. Throws ShapeError naming `op`.
int wrap_dim(std::string_view op, int dim, int rank);

/// Whether every value, a kernel, stride, padding or dilation, is from `low` to below 2³¹: beyond that, output sizes
/// made of their products could overflow.
bool all_within(Dim low, std::initializer_list<Dim> values);

}  // namespace fanin
