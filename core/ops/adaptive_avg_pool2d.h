#pragma once

#include "core/ops/op_info.h"

namespace fanin {

/// Average over as many bins as the output has elements, whatever the size of the input. Bin (h, w) covers
///
///   rows ⌊h · IH/OH⌋ … ⌈(h + 1) · IH/OH⌉ − 1,   columns alike
///
/// so that bins differ by a row or overlap by one where OH does not divide IH.
///
/// x  [N, C, IH, IW]  f32, f64, bf16; any layout, kept    →  [N, C, OH, OW] of the given `output` size
///
/// `output` = 1 is the global average, with which most networks end.
/// Gradient: each element of dy spread evenly over its bin. Saved for backward: nothing.
/// Throws ShapeError if x has not four dimensions, or no rows or columns, or if `output` is not positive.
/// Same as torch.nn.functional.adaptive_avg_pool2d.
Tensor adaptive_avg_pool2d(const Tensor& x, Size2 output);
OpInfo adaptive_avg_pool2d_info();

}  // namespace fanin
