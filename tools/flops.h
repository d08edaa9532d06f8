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
/// Bytes that the forward and, if it has run, the backward of a memory-bound operator must at least move, padding lanes
/// not counted; 0 for other operators.
///
///   batch_norm2d  forward: x read, y written; backward: x and dy read, dx written
///     + addend    forward: addend read, too; backward: y read, the addend's gradient written, too
///   add_relu      forward: a and b read, y written; backward: y and dy read, dx written
double least_bytes(const TraceEntry& entry);

}  // namespace fanin
