#pragma once

#include "core/tensor.h"

namespace fanin {

/// y ← max(y + addend, 0), the addend where it is defined, the maximum if `relu`; NaN stays NaN. What fused operators
/// do to their results, as a pass of its own. Not recorded.
void add_and_rectify(Tensor& y, const Tensor& addend, bool relu);

}  // namespace fanin
