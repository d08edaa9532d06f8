#pragma once

#include <algorithm>
#include <ostream>

#include "core/shape.h"

namespace fanin {

/// How the elements [N, C, spatial…] of a tensor lie in memory: channels in blocks of B.
///
///   element (n, c, s) is at ((n · ⌈C/B⌉ + ⌊c/B⌋) · S + s) · B + c mod B,     S = product of the spatial sizes
///
/// B = 1 is plain row-major (NCHW, NCDHW, or any shape at all); B = 8 or 16 is the layout AVX2 and AVX-512
/// convolutions want; B = C is channels-last, which AMX wants. Lanes of the last block beyond C exist and are zero.
struct Layout {
  Dim block = 1;

  static constexpr Layout plain() { return {}; }
  static constexpr Layout channel_blocked(Dim lanes) { return {lanes}; }
  static Layout channels_last(const Shape& shape) { return {std::max<Dim>(shape[1], 1)}; }

  /// Throws ShapeError if a tensor of this shape cannot lie so: there are no channels, or B is no number of lanes.
  void check_fits(const Shape& shape) const {
    check(block == 1 || shape.rank() >= 2, "a tensor of shape ", shape, " has no channels to block");
    check(block == 1 || (block > 0 && block <= std::max<Dim>(shape[1], 64)), "a tensor of shape ", shape,
          " cannot lie in blocks of ", block, " channels");
  }

  constexpr bool is_plain() const { return block == 1; }
  constexpr bool operator==(const Layout&) const = default;

  /// Number of stored elements of a tensor of this shape, padding lanes included.
  Dim stored(const Shape& shape) const {
    if (is_plain() || shape.numel() == 0) return shape.numel();
    return shape[0] * blocks(shape) * block * shape.numel_from(2);
  }

  /// ⌈C/B⌉.
  Dim blocks(const Shape& shape) const { return (shape[1] + block - 1) / block; }

  friend std::ostream& operator<<(std::ostream& out, Layout layout) {
    return layout.is_plain() ? out << "plain" : out << "blocked(" << layout.block << ")";
  }
};

}  // namespace fanin
