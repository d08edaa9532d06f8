#pragma once

#include "core/ops/op_info.h"

namespace fanin {

struct Conv2dOptions {
  Size2 stride = 1;
  Size2 padding = 0;  // zeros, the same on both sides
  Size2 dilation = 1;
  Dim groups = 1;
  bool relu = false;  // y = max(…, 0): the fused form, equal to relu(conv2d(…))
};

/// 2-D convolution (cross-correlation) in G groups.
///
///   y[n, o, h, w] = b[o] + Σ x[n, g·IC/G + i, h·S − P + r·D, w·S − P + s·D] · weight[o, i, r, s] + a[n, o, h, w]
///                   over i, r, s;  g = ⌊o / (OC/G)⌋;  S stride, P padding, D dilation, each for its own axis
///
/// x       [N, IC, IH, IW]          f32, f64 or bf16; any layout
/// weight  [OC, IC/G, KH, KW]       same dtype as x; where x is bf16 also f32, rounded by the kernel
/// bias    [OC] or undefined        f32 where x is bf16, else same dtype
/// addend  a, [N, OC, OH, OW] or undefined, same dtype as x; any layout. Moved in as the only handle of its bytes, it
///         is where the result is written: the tail of a residual block then costs no pass of its own
/// →       [N, OC, OH, OW]          OH = ⌊(IH + 2P − D·(KH − 1) − 1) / S⌋ + 1; layout chosen by the kernel
///
/// Gradients: x, weight, bias, addend (of their own dtypes); with relu, of 0 where y is 0. Saved for backward: x and
/// weight (no copies), with relu also y. oneDNN's fused ReLU makes 0 of NaN.
/// Throws ShapeError if G does not divide IC and OC, if weight, bias or addend do not fit, or if the output would be
/// empty.
/// Source: grouped convolution as in Xie et al. 2017 (arXiv:1611.05431), section 3. Same as
/// torch.nn.functional.conv2d.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const Conv2dOptions& options = {},
              Tensor addend = {});
OpInfo conv2d_info();

}  // namespace fanin
