#pragma once

#include "core/ops/op_info.h"

namespace fanin {

/// The dimensions in another order: dimension i of the result is dimension dims[i] of x. {0, 2, 3, 1} takes
/// [N, C, H, W] to [N, H, W, C]. Negative numbers count from the end.
///
/// x  any shape; f32, f64, bf16; blocked layouts go plain first    →  plain, with bytes of its own
///
/// Gradient: dy with the order undone. Saved for backward: nothing.
/// Throws ShapeError unless `dims` names every dimension of x once. Same as torch.permute.
Tensor permute(const Tensor& x, const std::vector<int>& dims);
OpInfo permute_info();

}  // namespace fanin
