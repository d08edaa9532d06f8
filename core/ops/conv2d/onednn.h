#pragma once

#include <string>

#include "core/ops/conv2d/kernels.h"

namespace fanin::onednn {

/// What oneDNN runs for a convolution, for tests and reports.
struct ConvolutionPlan {
  std::string forward, backward_input, backward_weight;  // oneDNN's names: "jit_1x1:avx512_core"
  Dim groups = 1;                                        // after small groups were merged
  Layout output;
};
ConvolutionPlan conv2d_plan(const Conv2dGeometry& geometry, DType dtype);

/// Primitives and working copies of weights now kept by this thread. Both are bounded.
struct ConvolutionCaches {
  std::size_t primitives = 0;
  std::size_t weights = 0;
};
ConvolutionCaches conv2d_caches();

}  // namespace fanin::onednn
