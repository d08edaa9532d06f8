#pragma once

#include "core/autograd.h"

namespace fanin {

/// Floating-point operations of an executed operator's forward pass, a multiplication and an addition counted as two:
/// convolutions 2·(IC/G)·KH·KW for each output element, matrix products 2·K, everything else 1 for each element of the
/// larger of input and output.
double flops(const TraceEntry& entry);
/// The same of forward and, if it has run, backward of a convolution or matrix product, whose gradients at x and at
/// weight cost what the forward costs; 0 for other operators.
double product_flops(const TraceEntry& entry);

}  // namespace fanin
