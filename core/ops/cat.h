#pragma once

#include "core/ops/op_info.h"

namespace fanin {

/// Tensors behind one another along dimension `dim`, which may be negative: −1 is the last.
///
/// inputs  1 to 32 tensors of f32, f64 or bf16, of one dtype, whose shapes agree but for `dim`; blocked layouts go
///         plain first    →  that shape with the sizes along `dim` added; plain
///
/// Gradients: each input's part of dy. Saved for backward: nothing.
/// Throws ShapeError or DTypeError naming the first input that does not fit. Same as torch.cat.
Tensor cat(const Tensors& inputs, int dim = 0);
OpInfo cat_info();

}  // namespace fanin
