#pragma once

#include <algorithm>

#include "core/lanes.h"
#include "core/shape.h"

// What Winograd's convolution does with tiles: between images and matrices, and the transforms on the way.
//
//   y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A          d 4×4 inputs, g 3×3 weights, y 2×2 outputs
//   dg = Gᵀ [(A dy Aᵀ) ⊙ (Bᵀ d B)] G
//
//        1  0 -1  0          1  0                1   0   0
//   Bᵀ = 0  1  1  0     A =  1  1           G =  ½   ½   ½
//        0 -1  1  0          1 -1                ½  -½   ½
//        0  1  0 -1          0 -1                0   0   1

namespace fanin::simd {

constexpr int places = 16;  // of a transformed tile

template <int L>
using Tile = Lanes<L>[places];

/// f(a, b, c, d) along the columns of 4×4, then along the rows.
template <int L, class F>
[[gnu::always_inline]] inline void along_both(Tile<L>& t, F f) {
  for (int w = 0; w < 4; ++w) f(t[w], t[4 + w], t[8 + w], t[12 + w]);
  for (int h = 0; h < 4; ++h) f(t[4 * h], t[4 * h + 1], t[4 * h + 2], t[4 * h + 3]);
}

/// Bᵀ d B.
template <int L>
[[gnu::always_inline]] inline void transform_input(Tile<L>& d) {
  along_both<L>(
      d, [](Lanes<L> & a, Lanes<L> & b, Lanes<L> & c, Lanes<L> & e) __attribute__((always_inline)) {
        const Lanes<L> middle = b;
        a = a - c;
        e = b - e;
        b = b + c;
        c = c - middle;
      });
}

/// Aᵀ m A, in places 0, 1, 4, 5.
template <int L>
[[gnu::always_inline]] inline void transform_output(Tile<L>& m) {
  along_both<L>(
      m, [](Lanes<L> & a, Lanes<L> & b, Lanes<L> & c, Lanes<L> & d) __attribute__((always_inline)) {
        a = a + b + c;
        b = b - c - d;
      });
}

/// A dy Aᵀ of what lies in places 0, 1, 4, 5.
template <int L>
[[gnu::always_inline]] inline void transform_output_gradient(Tile<L>& y) {
  along_both<L>(
      y, [](Lanes<L> & a, Lanes<L> & b, Lanes<L> & c, Lanes<L> & d) __attribute__((always_inline)) {
        d = -b;
        c = a - b;
        b = a + b;
      });
}

/// G g Gᵀ of what lies in places 0, 1, 2, 4, …, 10.
template <int L>
[[gnu::always_inline]] inline void transform_weight(Tile<L>& g) {
  along_both<L>(
      g, [](Lanes<L> & a, Lanes<L> & b, Lanes<L> & c, Lanes<L> & d) __attribute__((always_inline)) {
        const Lanes<L> outer = a + c;
        d = c;
        c = (outer - b) * 0.5F;
        b = (outer + b) * 0.5F;
      });
}

/// Gᵀ m G, in places 0, 1, 2, 4, …, 10.
template <int L>
[[gnu::always_inline]] inline void transform_weight_gradient(Tile<L>& m) {
  along_both<L>(
      m, [](Lanes<L> & a, Lanes<L> & b, Lanes<L> & c, Lanes<L> & d) __attribute__((always_inline)) {
        const Lanes<L> sum = (b + c) * 0.5F;
        b = (b - c) * 0.5F;
        a = a + sum;
        c = d + sum;
      });
}

/// One group's channels of the images of a batch, in blocks of L: [N, …, C / L, H, W, L].
template <class T>
struct Images {
  T* pixels;
  Dim from_image;  // elements from one to the next
  Dim C, H, W;
};

/// Tiles of 2×2 outputs, counted through all images.
struct Tiling {
  Tiling(Dim OH, Dim OW) : across((OW + 1) / 2), per_image((OH + 1) / 2 * across) {}
  Dim across, per_image;
};

/// Where a tile's corner lies: its image, and the pixel.
struct Corner {
  Corner(const Tiling& tiles, Dim tile, Size2 shift)
      : n(tile / tiles.per_image),
        h(tile % tiles.per_image / tiles.across * 2 - shift.h),
        w(tile % tiles.across * 2 - shift.w) {}
  Dim n, h, w;
};

/// size×size pixels of block b, from a corner on, into rows of four places; zeros outside the image.
template <int L, int size, Isa set, class T>
[[gnu::always_inline]] inline void load_tile(const Images<const T>& x, const Corner& at, Dim b, Tile<L>& to) {
  const T* const block = x.pixels + at.n * x.from_image + b * x.H * x.W * L;
  alignas(64) T patch[size * size * L];
  const T* from = patch;
  Dim row = size * L;
  if (at.h >= 0 && at.w >= 0 && at.h + size <= x.H && at.w + size <= x.W) {
    from = block + (at.h * x.W + at.w) * L;
    row = x.W * L;
  } else {
    std::memset(static_cast<void*>(patch), 0, sizeof patch);
    for (Dim h = std::max<Dim>(0, -at.h); h < std::min<Dim>(size, x.H - at.h); ++h)
      for (Dim w = std::max<Dim>(0, -at.w); w < std::min<Dim>(size, x.W - at.w); ++w)
        std::memcpy(static_cast<void*>(patch + (h * size + w) * L), block + ((at.h + h) * x.W + at.w + w) * L,
                    L * sizeof(T));
  }
  for (int h = 0; h < size; ++h)
    for (int w = 0; w < size; ++w) load<L, set>(to[4 * h + w], from + h * row + w * L);
}

/// `count` rows of transformed tiles of C channels, as 16 matrices [count, C] that lie `step` elements apart. read(r,
/// b, tile) fills in row r's block b. `paired`: in words of two rows side by side, [count / 2, C, 2], a missing last
/// one zero.
template <int L, bool paired, Isa set, class T, class Read>
[[gnu::always_inline]] inline void store_tiles(Dim count, Dim C, T* to, Dim step, const Read& read) {
  for (Dim t = 0; t < count; t += paired ? 2 : 1)
    for (Dim b = 0; b < C / L; ++b) {
      Tile<L> tile = {};
      read(t, b, tile);
      if constexpr (paired) {
        Tile<L> next = {};
        if (t + 1 < count) read(t + 1, b, next);
        for (int p = 0; p < places; ++p) store_pairs<L, set>(to + p * step + t * C + b * 2 * L, tile[p], next[p]);
      } else {
        for (int p = 0; p < places; ++p) store<L, set>(to + p * step + t * C + b * L, tile[p]);
      }
    }
}

}  // namespace fanin::simd
