#pragma once

#include <array>

#include "core/tensor.h"

namespace fanin {

/// Where the elements of a block lie inside a plain tensor: the place of the first, and the step along each of the
/// block's dimensions. Turned axes, sub-boxes, repetition (step 0) and every n-th element are all such places.
struct Places {
  Dim first = 0;
  std::array<Dim, Shape::max_rank> steps{};

  Dim& operator[](int dim) { return steps[static_cast<std::size_t>(dim)]; }
  Dim operator[](int dim) const { return steps[static_cast<std::size_t>(dim)]; }
};

/// The whole of a tensor of this shape, row-major.
Places row_major(const Shape& shape);

/// Copies a block of shape `block` from its places in `from` to its places in `to`. Plain tensors of one dtype, any.
/// The places in `to` must differ from each other.
void copy_places(const Shape& block, const Tensor& from, const Places& source, Tensor& to, const Places& target);

}  // namespace fanin
