#pragma once

#include "core/ops/op_info.h"
#include "core/random.h"

namespace fanin {

/// Each element is zero with probability p, and otherwise x / (1 − p), so that the mean stays what it was.
///
/// x  any shape; f32, f64, bf16; any layout, kept    →  same shape, dtype and layout
///
/// Element i in row-major order is dropped where word i of `stream` is below p · 2³², whatever the layout, the dtype
/// and the number of threads. One stream drops the same elements every time: give every call a stream of its own.
/// Gradient: dy through the same mask, which is drawn a second time. Saved for backward: nothing.
/// Throws NumericError unless 0 <= p < 1. Evaluation has no dropout: that is the layer's business.
/// Source: Srivastava et al. 2014. Same as torch.nn.functional.dropout with training=True, but for the random numbers.
Tensor dropout(const Tensor& x, double p, const Stream& stream);
OpInfo dropout_info();

}  // namespace fanin
