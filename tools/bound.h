#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/autograd.h"
#include "core/io/json.h"
#include "core/optim/optimizer.h"
#include "tools/machine_limits.h"

namespace fanin {

/// A convolution as a network uses it, measured alone.
struct ConvolutionCost {
  TraceEntry entry;  // the first of its kind in the step
  std::int64_t count = 0;
  double forward = 0;          // median seconds
  double backward_input = 0;   // 0 where no gradient is wanted
  double backward_weight = 0;  // likewise
  double flops = 0;            // of all that was measured

  double seconds() const { return forward + backward_input + backward_weight; }
};

/// What a training step must take on this machine at least:
///
///   bound = Σ convolutions, each distinct one alone in a loop: forward, backward data, backward weight
///         + bytes that batch norm, add_relu and the optimiser must move ÷ bandwidth of a += b
///
/// The convolutions run on warm primitives, with x and dy in the layouts the network uses. Everything else (casts,
/// pooling, the loss, reorders) counts as nothing.
struct Bound {
  std::vector<ConvolutionCost> convolutions;
  double bytes = 0;
  double memory_seconds = 0;

  double convolution_seconds() const;
  double seconds() const { return convolution_seconds() + memory_seconds; }
  /// A table of the convolutions, with their share of the matrix-product peak.
  std::string table(const MachineLimits& limits) const;
  Json json(double step_seconds) const;
};

/// `step`: the trace of one training step, backward included. `trained`: what SGD with momentum steps.
Bound measure_bound(const std::vector<TraceEntry>& step, const StateDict& trained, const MachineLimits& limits);

}  // namespace fanin
