#pragma once

#include <cstddef>
#include <cstdint>

#include "layers/module.h"

namespace fanin {

/// What one training step costs, measured.
struct StepCost {
  double seconds = 0;
  std::size_t peak_bytes = 0;  // highest memory of the whole process
};

/// Images and labels drawn at random, the same for the same `seed`: for measuring, where no data set is needed.
struct NoiseBatch {
  Tensor images;  // uniform in [−1.7, 1.7), what normalised pixels span
  Tensor labels;  // [N], i64, below `classes`
};
NoiseBatch noise_batch(const Shape& images, Dim classes, DType dtype, std::uint64_t seed = 0);

/// Runs forward and backward on noise: once to prepare kernels and memory, then at least once, and up to five times
/// within a second, of which the quickest counts. Leaves no trace in the model: buffers are put back, gradients
/// cleared. Throws what the model throws on images or labels of these shapes.
StepCost measure_step(Module& net, const Shape& images, Dim classes, DType dtype);

/// Memory this process may still get from the system, in bytes; 0 if unknown.
std::size_t available_memory();
/// Highest resident memory of this process so far, in bytes.
std::size_t peak_memory();

}  // namespace fanin
