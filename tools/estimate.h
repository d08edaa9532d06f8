#pragma once

#include <cstddef>
#include <cstdint>

#include "layers/module.h"

namespace fanin {

/// What one training step costs.
struct StepCost {
  double seconds = 0;
  std::size_t peak_bytes = 0;  // highest memory of the whole process, predicted
};

/// Images and labels drawn at random, the same for the same `seed`: for measuring, where no data set is needed.
struct NoiseBatch {
  Tensor images;  // uniform in [−1.7, 1.7), what normalised pixels span
  Tensor labels;  // [N], i64, below `classes`
};
NoiseBatch noise_batch(const Shape& images, Dim classes, DType dtype, std::uint64_t seed = 0);

/// What training steps are expected to hold at most, in bytes.
struct MemoryCost {
  double tensors = 0;  // parameters, activations, gradients and kernels' scratch memory
  double process = 0;  // resident: those, and what the program itself takes
};

/// Found from two small steps, of 4 and of 8 images: what is live at most around each operator, forward and backward,
/// grows in proportion to the images, so that two measurements give it for `images`. Leaves no trace in the model, and
/// throws what it throws. The optimiser's moments come on top.
MemoryCost predict_memory(Module& net, const Shape& images, Dim classes, DType dtype);

/// Runs forward and backward on noise: once to prepare kernels and memory, then at least once, and up to five times
/// within a second, of which the quickest counts. Leaves no trace in the model: buffers are put back, gradients
/// cleared. Throws what the model throws on images or labels of these shapes.
StepCost measure_step(Module& net, const Shape& images, Dim classes, DType dtype);

/// Memory this process may still get from the system, in bytes; 0 if unknown.
std::size_t available_memory();
/// Highest resident memory of this process so far, in bytes.
std::size_t peak_memory();

}  // namespace fanin
