#include <algorithm>
#include <vector>

#include "core/backends/layouts.h"
#include "core/lanes.h"
#include "core/ops/conv2d/kernels.h"
#include "core/ops/conv2d/working_copies.h"
#include "core/simd.h"
#include "core/threads.h"

// 3×3 convolutions at stride 1 by Winograd's F(2×2, 3×3): tiles of 2×2 outputs are computed from 4×4 inputs d as
//   Aᵀ [ Σ over input channels of (G g Gᵀ) ⊙ (Bᵀ d B) ] A
// with 16 multiplications a channel instead of 36: 16 matrix products, tiles × input channels times input × output
// channels. oneDNN's direct kernels run at the machine's peak in f32, so that only fewer multiplications are faster.
// Rounding errors are those of a direct convolution; a NaN or infinity reaches the whole tile.
// Source: Lavin and Gray 2016 (arXiv:1509.09308).

namespace fanin::simd {

namespace {

constexpr int places = 16;  // of a transformed tile

/// L lanes; tiles and vectors of outputs that one pass over the input channels computes.
template <int L>
struct Panel {
  static constexpr int tiles = L == 16 ? 4 : 2;
  static constexpr int vectors = 4;
  static constexpr int width = vectors * L;
};

template <int L, Isa set>
[[gnu::always_inline]] inline void multiply(const float* v, const float* u, float* m, Dim tiles, Dim I, Dim O) {
  using P = Panel<L>;
  for (Dim o = 0; o < O; o += P::width, u += I * P::width)
    for (Dim t = 0; t < tiles; t += P::tiles) {
      Lanes<L> sums[P::tiles][P::vectors] = {};
      const float* row = v + t * I;
      for (Dim i = 0; i < I; ++i) {
        Lanes<L> w[P::vectors];
        for (int n = 0; n < P::vectors; ++n) load<L, set>(w[n], u + i * P::width + n * L);
        for (int r = 0; r < P::tiles; ++r) {
          const Lanes<L> value = row[r * I + i] - Lanes<L>{};
          for (int n = 0; n < P::vectors; ++n) fused<L, set>(sums[r][n], value, w[n], sums[r][n]);
        }
      }
      for (int r = 0; r < P::tiles; ++r)
        for (int n = 0; n < P::vectors; ++n) store<L, set>(m + (t + r) * O + o + n * L, sums[r][n]);
    }
}

/// Bᵀ d B of one tile and L channels; `to` steps by `step` from place to place.
template <int L, Isa set>
[[gnu::always_inline]] inline void transform_input(const Lanes<L> (&d)[4][4], float* to, Dim step) {
  Lanes<L> rows[4][4];
  for (int w = 0; w < 4; ++w) {
    rows[0][w] = d[0][w] - d[2][w];
    rows[1][w] = d[1][w] + d[2][w];
    rows[2][w] = d[2][w] - d[1][w];
    rows[3][w] = d[1][w] - d[3][w];
  }
  for (int h = 0; h < 4; ++h) {
    store<L, set>(to + (4 * h + 0) * step, rows[h][0] - rows[h][2]);
    store<L, set>(to + (4 * h + 1) * step, rows[h][1] + rows[h][2]);
    store<L, set>(to + (4 * h + 2) * step, rows[h][2] - rows[h][1]);
    store<L, set>(to + (4 * h + 3) * step, rows[h][1] - rows[h][3]);
  }
}

/// y = Aᵀ m A.
template <int L, Isa set>
[[gnu::always_inline]] inline void transform_output(const float* m, Dim step, Lanes<L> (&y)[2][2]) {
  Lanes<L> rows[2][4];
  for (int w = 0; w < 4; ++w) {
    Lanes<L> a, b, c, d;
    load<L, set>(a, m + w * step);
    load<L, set>(b, m + (4 + w) * step);
    load<L, set>(c, m + (8 + w) * step);
    load<L, set>(d, m + (12 + w) * step);
    rows[0][w] = a + b + c;
    rows[1][w] = b - c - d;
  }
  for (int h = 0; h < 2; ++h) {
    y[h][0] = rows[h][0] + rows[h][1] + rows[h][2];
    y[h][1] = rows[h][1] - rows[h][2] - rows[h][3];
  }
}

/// What the loops need of one image's group of channels, in blocks of L.
template <int L>
struct Image {
  const float* x;
  const float* addend;  // or null
  float* y;
  const float* bias;
  Dim H, W, OH, OW, I, O;
  Size2 padding;
  bool relu;
};

template <int L, Isa set>
[[gnu::always_inline]] inline void gather(const Image<L>& p, Dim first, Dim count, Dim across, float* v, Dim step) {
  for (Dim t = 0; t < count; ++t) {
    const Dim ih = (first + t) / across * 2 - p.padding.h;
    const Dim iw = (first + t) % across * 2 - p.padding.w;
    for (Dim b = 0; b < p.I / L; ++b) {
      Lanes<L> d[4][4] = {};
      for (Dim h = std::max<Dim>(0, -ih); h < std::min<Dim>(4, p.H - ih); ++h)
        for (Dim w = std::max<Dim>(0, -iw); w < std::min<Dim>(4, p.W - iw); ++w)
          load<L, set>(d[h][w], p.x + ((b * p.H + ih + h) * p.W + iw + w) * L);
      transform_input<L, set>(d, v + t * p.I + b * L, step);
    }
  }
}

template <int L, Isa set>
[[gnu::always_inline]] inline void scatter(const Image<L>& p, Dim first, Dim count, Dim across, const float* m,
                                           Dim step) {
  const Lanes<L> zero = {};
  for (Dim t = 0; t < count; ++t) {
    const Dim oh = (first + t) / across * 2;
    const Dim ow = (first + t) % across * 2;
    for (Dim b = 0; b < p.O / L; ++b) {
      Lanes<L> y[2][2], bias;
      transform_output<L, set>(m + t * p.O + b * L, step, y);
      load<L, set>(bias, p.bias + b * L);
      for (Dim h = 0; h < std::min<Dim>(2, p.OH - oh); ++h)
        for (Dim w = 0; w < std::min<Dim>(2, p.OW - ow); ++w) {
          const Dim at = ((b * p.OH + oh + h) * p.OW + ow + w) * L;
          Lanes<L> value = y[h][w] + bias;
          if (p.addend != nullptr) {
            Lanes<L> more;
            load<L, set>(more, p.addend + at);
            value += more;
          }
          if (p.relu) value = value < 0 ? zero : value;  // keeps NaN
          store<L, set>(p.y + at, value);
        }
    }
  }
}

Layout layout_of(const Conv2dGeometry& g) { return onednn::preferred_layout(DType::f32, {g.N, g.OC, g.OH, g.OW}); }

bool supports(const Conv2dGeometry& g, DType dtype) {
  if (dtype != DType::f32 || g.KH != 3 || g.KW != 3 || g.stride != Size2(1) || g.dilation != Size2(1) ||
      g.padding.h > 2 || g.padding.w > 2 || g.N == 0)
    return false;
  const Dim L = layout_of(g).block;
  if (!(L == 16 && isa() >= Isa::avx512) && !(L == 8 && isa() >= Isa::avx2)) return false;
  const Dim I = g.IC / g.G;
  const Dim O = g.OC / g.G;
  return I % (4 * L) == 0 && O % (4 * L) == 0 && I <= 256 && O <= 256 && onednn::conv2d.supports(g, dtype);
}

/// G g Gᵀ of all weights, as [G, places, O / width, I, width], by panels of `width` output channels. `turned`: for the
/// gradient of the input, from output channels to input channels, the kernel turned by half.
template <int L>
Tensor transform(const Conv2dGeometry& g, const Tensor& weight, bool turned) {
  constexpr int width = Panel<L>::width;
  constexpr int some = 8;  // input channels at a time, so that reads and writes run along cache lines
  const Dim I = (turned ? g.OC : g.IC) / g.G;
  const Dim O = (turned ? g.IC : g.OC) / g.G;
  Tensor u = Tensor::empty({g.G, places, O / width, I, width});
  const float* const from = weight.data<float>().data();
  float* const to = u.mutable_data<float>().data();
  parallel_for(g.G * O / width * I / some, 1, [&](Dim begin, Dim end) {
    for (Dim at = begin * some; at < end * some; at += some) {
      const Dim i = at % I;
      const Dim panel = at / I % (O / width);
      const Dim group = at / I / (O / width);
      float k[some][3][3][width];
      for (Dim outer = 0; outer < (turned ? some : width); ++outer)
        for (Dim inner = 0; inner < (turned ? width : some); ++inner) {
          const Dim j = turned ? outer : inner;
          const Dim o = turned ? inner : outer;
          const Dim out = panel * width + o;
          const float* const kernel =
              from + (turned ? (group * I + i + j) * O + out : (group * O + out) * I + i + j) * 9;
          for (int tap = 0; tap < 9; ++tap) k[j][tap / 3][tap % 3][o] = kernel[turned ? 8 - tap : tap];
        }
      float* const matrices = to + ((group * places * (O / width) + panel) * I + i) * width;
      vectorized([&]() __attribute__((always_inline)) {
        for (int h = 0; h < 4; ++h) {
          // Row h of G: the first or the last tap, or half of all with the middle one added or taken away.
          const float outer = h == 1 || h == 2 ? 0.5F : 0.0F;
          const float a = h == 0 ? 1 : outer;
          const float b = h == 1 ? outer : -outer;
          const float c = h == 3 ? 1 : outer;
          float* const row = matrices + 4 * h * O * I;
          for (int j = 0; j < some; ++j)
            for (int o = 0; o < width; ++o) {
              const auto tap = [&](int w) __attribute__((always_inline)) {
                return a * k[j][0][w][o] + b * k[j][1][w][o] + c * k[j][2][w][o];
              };
              const float l = tap(0), m = tap(1), r = tap(2);
              const Dim e = j * width + o;
              row[e] = l;
              row[O * I + e] = (l + m + r) * 0.5F;
              row[2 * O * I + e] = (l - m + r) * 0.5F;
              row[3 * O * I + e] = r;
            }
        }
      });
    }
  });
  return u;
}

Tensor transformed(const Conv2dGeometry& g, const Tensor& weight, bool turned) {
  thread_local WorkingCopies<Dim> copies(256);
  const Dim L = layout_of(g).block;
  return copies.get(weight, {g.G, turned}, L,
                    [&] { return L == 16 ? transform<16>(g, weight, turned) : transform<8>(g, weight, turned); });
}

/// x [N, G·I, H, W] with transformed weights u to [N, G·O, OH, OW], both in blocks.
Tensor run(const Conv2dGeometry& g, const Tensor& x, const Tensor& u, const Tensor& bias, Size2 padding, Dim OH, Dim OW,
           const Conv2dTail& tail) {
  const Layout layout = layout_of(g);
  const Tensor source = x.to(layout);
  const Tensor addend = tail.addend.to(layout);
  const Dim I = u.dim(3);
  const Dim O = u.dim(2) * u.dim(4);
  const Dim C = O * g.G;
  Tensor y = tail.into_addend || (addend.defined() && tail.addend.layout() != layout)
                 ? addend
                 : Tensor::empty({g.N, C, OH, OW}, DType::f32, layout);
  const float* const px = source.raw<float>().data();
  const float* const pu = u.raw<float>().data();
  const float* const pa = addend.defined() ? addend.raw<float>().data() : nullptr;
  float* const py = y.mutable_raw<float>().data();
  const Tensor b = bias.defined() ? bias.as(DType::f32) : Tensor::zeros({C});
  const float* const pb = b.data<float>().data();
  const Dim across = (OW + 1) / 2;
  const Dim tiles = (OH + 1) / 2 * across;
  // Transformed inputs and products of a chunk stay in the second-level cache.
  const Dim chunk = std::min((tiles + 3) / 4 * 4, std::max<Dim>(16, (1 << 12) / (I + O) / 4 * 4));
  const Dim chunks = (tiles + chunk - 1) / chunk;
  // From place to place: no power of two, or all 16 places of a tile would want the same few lines of the cache.
  const Dim in_step = chunk * I + 16;
  const Dim out_step = chunk * O + 16;
  const auto with_lanes = [&]<int L>() {
    parallel_for(g.G * g.N * chunks, grain_for(chunk * I * O), [&](Dim begin, Dim end) {
      std::vector<float> v(static_cast<std::size_t>(places * in_step));
      std::vector<float> m(static_cast<std::size_t>(places * out_step));
      for (Dim task = begin; task < end; ++task) {
        const Dim group = task / (g.N * chunks);
        const Dim n = task / chunks % g.N;
        const Dim first = task % chunks * chunk;
        const Dim count = std::min(chunk, tiles - first);
        const Dim in = (n * g.G + group) * I * x.dim(2) * x.dim(3);
        const Dim out = (n * g.G + group) * O * OH * OW;
        const Image<L> image{px + in,  pa == nullptr ? nullptr : pa + out,
                             py + out, pb + group * O,
                             x.dim(2), x.dim(3),
                             OH,       OW,
                             I,        O,
                             padding,  tail.relu};
        vectorized([&]<Isa set>() __attribute__((always_inline)) {
          if constexpr (set >= (L == 16 ? Isa::avx512 : Isa::avx2)) {
            gather<L, set>(image, first, count, across, v.data(), in_step);
            for (Dim p = 0; p < places; ++p)
              multiply<L, set>(v.data() + p * in_step, pu + (group * places + p) * I * O, m.data() + p * out_step,
                               (count + 3) / 4 * 4, I, O);
            scatter<L, set>(image, first, count, across, m.data(), out_step);
          }
        });
      }
    });
  };
  layout.block == 16 ? with_lanes.template operator()<16>() : with_lanes.template operator()<8>();
  return y;
}

Tensor forward_fused(const Conv2dGeometry& g, const Tensor& x, const Tensor& weight, const Tensor& bias,
                     const Conv2dTail& tail) {
  return run(g, x, transformed(g, weight, false), bias, g.padding, g.OH, g.OW, tail);
}

Tensor forward(const Conv2dGeometry& g, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return forward_fused(g, x, weight, bias, {});
}

Tensor backward_input(const Conv2dGeometry& g, const Tensor& dy, const Tensor& weight) {
  const Size2 padding(2 - g.padding.h, 2 - g.padding.w);
  return run(g, dy, transformed(g, weight, true), {}, padding, g.IH, g.IW, {});
}

/// The gradient of the weights sums over batch and positions: its transform would be of another kind.
Tensor backward_weight(const Conv2dGeometry& g, const Tensor& dy, const Tensor& x) {
  return onednn::conv2d.backward_weight(g, dy, x);
}

}  // namespace

const Conv2dKernels winograd{Backend::simd, supports, forward, backward_input, backward_weight, forward_fused};

}  // namespace fanin::simd
