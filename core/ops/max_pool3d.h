#pragma once

#include "core/ops/op_info.h"
#include "core/ops/size3.h"

namespace fanin {

struct Pool3dOptions {
  Size3 kernel = 2;
  Size3 stride = 0;   // 0: the kernel's size
  Size3 padding = 0;  // at most half the kernel
};

/// Largest value of each window of a volume or video.
///
///   y[n, c, d, h, w] = max x[n, c, d·S − P + q, h·S − P + r, w·S − P + s]  over the kernel's q, r, s inside the volume
///
/// x  [N, C, ID, IH, IW]  f32, f64 or bf16; blocked layouts go plain first    →  [N, C, OD, OH, OW], plain
///                        OD = ⌊(ID + 2P − KD) / S⌋ + 1, the others alike
///
/// Gradient: to the first largest element of the window in row-major order; a NaN counts as largest. Saved for
/// backward: its place.
/// Throws ShapeError if the window does not fit or the padding exceeds half the kernel.
/// Same as torch.nn.functional.max_pool3d.
Tensor max_pool3d(const Tensor& x, const Pool3dOptions& options);
OpInfo max_pool3d_info();

}  // namespace fanin
