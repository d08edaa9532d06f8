#pragma once

#include "core/ops/op_info.h"

namespace fanin {

struct Pool2dOptions {
  Size2 kernel = 2;
  Size2 stride = 0;               // 0: the kernel's size
  Size2 padding = 0;              // at most half the kernel
  bool ceil_mode = false;         // round the output size up instead of down, if the last window starts inside
  bool count_include_pad = true;  // avg_pool2d: whether padding counts in the divisor
};

/// Largest value of each window.
///
///   y[n, c, h, w] = max x[n, c, h·S − P + r, w·S − P + s]  over r < KH, s < KW, inside the image
///
/// x  [N, C, IH, IW]   f32, f64 or bf16; any layout   →  [N, C, OH, OW], OH = ⌊(IH + 2P − KH) / S⌋ + 1 (⌈ ⌉ in ceil
/// mode)
///
/// Gradient: to the first largest element of the window, row by row; a NaN counts as largest. Saved: its position.
/// Throws ShapeError if the window does not fit or the padding exceeds half the kernel.
/// Same as torch.nn.functional.max_pool2d.
Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options);
OpInfo max_pool2d_info();

/// Mean of each window; padding counts as zeros, and in the divisor if count_include_pad. Shapes and errors as
/// max_pool2d. Gradient: dy / divisor to every element of the window. Same as torch.nn.functional.avg_pool2d.
Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options);
OpInfo avg_pool2d_info();

}  // namespace fanin
