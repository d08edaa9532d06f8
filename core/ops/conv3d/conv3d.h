#pragma once

#include "core/ops/op_info.h"
#include "core/ops/size3.h"

namespace fanin {

struct Conv3dOptions {
  Size3 stride = 1;
  Size3 padding = 0;  // zeros, the same on both sides
  Size3 dilation = 1;
  Dim groups = 1;
};

/// 3-D convolution (cross-correlation) in G groups: conv2d with a third axis, the depth or time of a volume or video.
///
///   y[n, o, d, h, w] = b[o] + Σ x[n, g·IC/G + i, d·S − P + q·D, h·S − P + r·D, w·S − P + s·D] · weight[o, i, q, r, s]
///                      over i, q, r, s;  g = ⌊o / (OC/G)⌋;  S stride, P padding, D dilation, each for its own axis
///
/// x       [N, IC, ID, IH, IW]      f32, f64 or bf16; blocked layouts go plain first
/// weight  [OC, IC/G, KD, KH, KW]   same dtype as x
/// bias    [OC] or undefined        f32 where x is bf16, else same dtype
/// →       [N, OC, OD, OH, OW]      plain; sizes as in conv2d
///
/// Gradients: x, weight, bias (of their own dtypes). Saved for backward: x and weight (no copies).
/// Throws ShapeError or DTypeError as conv2d does. Same as torch.nn.functional.conv3d.
/// Source: Tran et al. 2015 (arXiv:1412.0767), section 3.
Tensor conv3d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const Conv3dOptions& options = {});
OpInfo conv3d_info();

}  // namespace fanin
