#pragma once

#include "core/dtype.h"
#include "core/io/json.h"

namespace fanin {

/// What this machine can do at most, measured with the threads fanin has.
struct MachineLimits {
  double f32_flops = 0;              // a second, of matmul of 2048 × 2048 matrices
  double bf16_flops = 0;             // the same; 0 where the machine does not multiply bf16
  double f32_convolution_flops = 0;  // of oneDNN's direct 3×3 convolution of [16, 256, 16, 16] to 256 channels
  double bf16_convolution_flops = 0;
  double read_bytes = 0;    // a second, summing up an array of 256 MiB
  double update_bytes = 0;  // a second, of a += b over arrays of 256 MiB each: two reads and a write

  double flops(DType dtype) const { return dtype == DType::bf16 ? bf16_flops : f32_flops; }
  Json json() const;
};

/// The best of several runs of each; takes a few seconds and 512 MiB.
MachineLimits measure_limits();

}  // namespace fanin
