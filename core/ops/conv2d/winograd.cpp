#include <algorithm>
#include <numeric>
#include <type_traits>
#include <vector>

#include "core/ops/conv2d/kernels.h"
#include "core/ops/conv2d/products.h"
#include "core/ops/conv2d/winograd_tiles.h"
#include "core/ops/conv2d/working_copies.h"
#include "core/simd.h"
#include "core/threads.h"

// 3×3 convolutions at stride 1 by Winograd's F(2×2, 3×3) and, for the gradient of the weights, F(3×3, 2×2): tiles of
// 4×4 inputs and 2×2 outputs are transformed, and a convolution of transformed tiles is a product element by element:
// 16 multiplications a channel instead of 36, done as 16 matrix products. oneDNN's direct kernels run at the machine's
// peak, so that only fewer multiplications are faster. Rounding errors in f32 are those of a direct convolution. In
// bf16 the transformed tiles are rounded once more than a direct convolution's operands; sums are f32. A NaN or
// infinity reaches the whole tile. Source: Lavin and Gray 2016 (arXiv:1509.09308).

namespace fanin::simd {

namespace {

/// bf16 is multiplied in pairs: of input channels, or of tiles where tiles are summed over.
template <class T>
constexpr bool paired = std::is_same_v<T, bfloat16>;
template <class T>
constexpr Dim word_size = paired<T> ? 2 : 1;

template <class T>
const float* as_words(const T* elements) {
  return reinterpret_cast<const float*>(elements);
}

bool supports(const Conv2dGeometry& g, DType dtype) {
  if (g.KH != 3 || g.KW != 3 || g.stride != Size2(1) || g.dilation != Size2(1) || g.padding.h > 2 || g.padding.w > 2 ||
      g.N == 0 || g.IC > (Dim{1} << 20) || g.OC > (Dim{1} << 20))
    return false;
  const Dim L = vector_layout(g, dtype).block;
  const bool has_instructions =
      dtype == DType::f32
          ? (L == 16 && isa() >= Isa::avx512) || (L == 8 && isa() >= Isa::avx2)
          : dtype == DType::bf16 && multiplies_pairs<16, Isa::avx512_bf16> && L == 16 && isa() >= Isa::avx512_bf16;
  const Dim I = g.IC / g.G;
  const Dim O = g.OC / g.G;
  return has_instructions && I % L == 0 && O % L == 0 && I >= 32 && O >= 32 && I <= 256 && O <= 256;
}

/// f.operator()<L, T>() for what `supports` lets in.
template <class F>
void specialise(const Conv2dGeometry& g, DType dtype, F&& f) {
  if (dtype == DType::bf16)
    f.template operator()<16, bfloat16>();
  else if (vector_layout(g, dtype).block == 16)
    f.template operator()<16, float>();
  else
    f.template operator()<8, float>();
}

/// f.operator()<vectors>() for the widest panels that `C` channels can be cut into.
template <int L, class F>
[[gnu::always_inline]] inline void by_panels(Dim C, F&& f) {
  if (C % (4 * L) == 0)
    f.template operator()<4>();
  else if (C % (2 * L) == 0)
    f.template operator()<2>();
  else
    f.template operator()<1>();
}

template <int L>
Dim panel_width(Dim C) {
  return C % (4 * L) == 0 ? 4 * L : C % (2 * L) == 0 ? 2 * L : L;
}

/// Body of a loop that is compiled for the registers it needs.
template <int L, class T, class F>
void compiled(F&& body) {
  with_registers<L, T>([&]<Isa set>() __attribute__((always_inline)) {
    if constexpr (paired<T> ? multiplies_pairs<L, set> : set >= least_isa<L>) body.template operator()<set>();
  });
}

/// How many tiles are taken at once: what a tile's `bytes` add up to is to stay in the second-level cache. Measured:
/// 320 KiB for the way forward; twice that where the sums, which are read and written once a chunk, are large.
Dim chunk_of(Dim tiles, Dim bytes, Dim cache) {
  return std::min((tiles + 7) / 8 * 8, std::max<Dim>(8, cache / bytes / 8 * 8));
}

/// From place to place: no power of two, or all places of a tile would want the same few lines of the cache.
Dim step_of(Dim chunk, Dim C) { return chunk * C + 32; }

/// G g Gᵀ of all weights, by panels of output channels: [G, O / width, places, I, width], in bf16 words of two input
/// channels. `turned`: for the gradient of the input, from output channels to input channels, the kernel turned by
/// half.
template <int L, class T>
Tensor transform(const Conv2dGeometry& g, const Tensor& weight, bool turned) {
  constexpr int some = 8;  // input channels at a time, so that reads and writes run along cache lines
  const Dim I = (turned ? g.OC : g.IC) / g.G;
  const Dim O = (turned ? g.IC : g.OC) / g.G;
  const Dim width = panel_width<L>(O);
  Tensor u = Tensor::empty({g.G, O / width, places, I, width}, dtype_of<T>);
  const Tensor source = weight.as(DType::f32);
  const float* const from = source.data<float>().data();
  T* const to = u.mutable_data<T>().data();
  parallel_for(g.G * O / width * I / some, 1, [&](Dim begin, Dim end) {
    for (Dim at = begin * some; at < end * some; at += some) {
      const Dim i = at % I;
      const Dim panel = at / I % (O / width);
      const Dim group = at / I / (O / width);
      float kernels[some][9][4 * L];
      for (Dim outer = 0; outer < (turned ? some : width); ++outer)
        for (Dim inner = 0; inner < (turned ? width : some); ++inner) {
          const Dim j = turned ? outer : inner;
          const Dim o = turned ? inner : outer;
          const Dim out = panel * width + o;
          const float* const kernel =
              from + (turned ? (group * I + i + j) * O + out : (group * O + out) * I + i + j) * 9;
          for (int tap = 0; tap < 9; ++tap) kernels[j][tap][o] = kernel[turned ? 8 - tap : tap];
        }
      T* const matrices = to + ((group * (O / width) + panel) * places * I + i) * width;
      compiled<L, T>([&]<Isa set>() __attribute__((always_inline)) {
        store_tiles<L, paired<T>, set>(
            some, width, matrices, I * width, [&](Dim j, Dim b, Tile<L> & tile) __attribute__((always_inline)) {
              for (int tap = 0; tap < 9; ++tap) load<L, set>(tile[tap / 3 * 4 + tap % 3], kernels[j][tap] + b * L);
              transform_weight<L>(tile);
            });
      });
    }
  });
  return u;
}

Tensor transformed(const Conv2dGeometry& g, DType dtype, const Tensor& weight, bool turned) {
  thread_local WorkingCopies<DType> copies(256);
  return copies.get(weight, {g.G, turned, vector_layout(g, dtype).block}, dtype, [&] {
    Tensor u;
    specialise(g, dtype, [&]<int L, class T>() { u = transform<L, T>(g, weight, turned); });
    return u;
  });
}

/// What is made of the products of a chunk of tiles.
template <class T>
struct Results {
  Images<T> y;
  const T* addend;  // as y lies, or null
  const float* bias;
  bool relu;
};

template <int L, Isa set, class T>
[[gnu::always_inline]] inline void scatter(const Results<T> to, const Tiling tiles, Dim first, Dim count,
                                           const float* m, Dim step) {
  const Images<T>& y = to.y;
  for (Dim t = 0; t < count; ++t) {
    const Corner at(tiles, first + t, 0);
    for (Dim b = 0; b < y.C / L; ++b) {
      Tile<L> tile;
      for (int p = 0; p < places; ++p) load<L, set>(tile[p], m + p * step + t * y.C + b * L);
      transform_output<L>(tile);
      Lanes<L> bias;
      load<L, set>(bias, to.bias + b * L);
      const Dim base = at.n * y.from_image + b * y.H * y.W * L;
      for (int h = 0; h < 2; ++h)
        for (int w = 0; w < 2; ++w) {
          if (at.h + h >= y.H || at.w + w >= y.W) continue;
          const Dim pixel = base + ((at.h + h) * y.W + at.w + w) * L;
          Lanes<L> value = tile[4 * h + w] + bias;
          if (to.addend != nullptr) {
            Lanes<L> more;
            load<L, set>(more, to.addend + pixel);
            value += more;
          }
          if (to.relu) rectify<L, set>(value);
          store<L, set>(y.pixels + pixel, value);
        }
    }
  }
}

/// x [N, G·I, H, W] with transformed weights u to [N, G·O, OH, OW], both in blocks.
template <int L, class T>
void run(const Conv2dGeometry& g, const Tensor& x, const Tensor& u, const Tensor& bias, Size2 padding, Tensor& y,
         const Tensor& addend, bool relu) {
  const Dim I = u.dim(3);
  const Dim width = u.dim(4);
  const Dim O = u.dim(1) * width;
  const Dim pixels_in = x.shape().numel_from(2);
  const Dim pixels_out = y.shape().numel_from(2);
  const T* const px = x.raw<T>().data();
  const T* const pu = u.raw<T>().data();
  const T* const pa = addend.defined() ? addend.raw<T>().data() : nullptr;
  T* const py = y.mutable_raw<T>().data();
  const Tensor b = bias.defined() ? bias.as(DType::f32) : Tensor::zeros({O * g.G});
  const float* const pb = b.data<float>().data();
  const Tiling tiling(y.dim(2), y.dim(3));
  const Dim tiles = g.N * tiling.per_image;
  const Dim bytes = places * (I * static_cast<Dim>(sizeof(T)) + O * static_cast<Dim>(sizeof(float)));
  const Dim share = (tiles * g.G + threads() - 1) / threads();  // of each thread
  const Dim chunk = chunk_of(std::min(tiles, share), bytes, Dim{320} << 10);
  const Dim chunks = (tiles + chunk - 1) / chunk;
  const Dim in_step = step_of(chunk, I);
  const Dim out_step = step_of(chunk, O);
  parallel_for(g.G * chunks, grain_for(chunk * I * O), [&](Dim begin, Dim end) {
    Tensor inputs = Tensor::zeros({places, in_step}, dtype_of<T>);  // rows beyond the last tile are multiplied, too
    Tensor outputs = Tensor::empty({places, out_step});
    T* const v = inputs.mutable_data<T>().data();
    float* const m = outputs.mutable_data<float>().data();
    for (Dim task = begin; task < end; ++task) {
      const Dim group = task / chunks;
      const Dim first = task % chunks * chunk;
      const Dim count = std::min(chunk, tiles - first);
      const Images<const T> from{px + group * I * pixels_in, g.G * I * pixels_in, I, x.dim(2), x.dim(3)};
      const Images<T> to{py + group * O * pixels_out, g.G * O * pixels_out, O, y.dim(2), y.dim(3)};
      const Results<T> results{to, pa == nullptr ? nullptr : pa + group * O * pixels_out, pb + group * O, relu};
      compiled<L, T>([&]<Isa set>() __attribute__((always_inline)) {
        store_tiles<L, false, set>(
            count, I, v, in_step, [&](Dim t, Dim block, Tile<L> & tile) __attribute__((always_inline)) {
              load_tile<L, 4, set>(from, Corner(tiling, first + t, padding), block, tile);
              transform_input<L>(tile);
            });
        by_panels<L>(
            O, [&]<int vectors>() __attribute__((always_inline)) {
              for (Dim panel = 0; panel < O / width; ++panel)
                for (Dim p = 0; p < places; ++p)
                  product<L, vectors, paired<T>, set>(
                      as_words(v + p * in_step), I / word_size<T>, 1,
                      as_words(pu + (((group * (O / width) + panel) * places + p) * I) * width), width,
                      m + p * out_step + panel * width, O, (count + 7) / 8 * 8, I / word_size<T>, false);
            });
        scatter<L, set>(results, tiling, first, count, m, out_step);
      });
    }
  });
}

/// run() with operands brought into their layout.
Tensor convolve(const Conv2dGeometry& g, const Tensor& x, const Tensor& weight, bool turned, const Tensor& bias,
                Size2 padding, const Shape& result, const Conv2dTail& tail) {
  const Layout layout = vector_layout(g, x.dtype());
  const Tensor source = x.to(layout);
  const Tensor addend = tail.addend.to(layout);
  Tensor y = tail.into_addend || (addend.defined() && tail.addend.layout() != layout)
                 ? addend
                 : Tensor::empty(result, x.dtype(), layout);
  const Tensor u = transformed(g, x.dtype(), weight, turned);
  specialise(g, x.dtype(), [&]<int L, class T>() { run<L, T>(g, source, u, bias, padding, y, addend, tail.relu); });
  return y;
}

Tensor forward_fused(const Conv2dGeometry& g, const Tensor& x, const Tensor& weight, const Tensor& bias,
                     const Conv2dTail& tail) {
  return convolve(g, x, weight, false, bias, g.padding, {g.N, g.OC, g.OH, g.OW}, tail);
}

Tensor forward(const Conv2dGeometry& g, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return forward_fused(g, x, weight, bias, {});
}

Tensor backward_input(const Conv2dGeometry& g, const Tensor& dy, const Tensor& weight) {
  const Size2 padding(2 - g.padding.h, 2 - g.padding.w);
  return convolve(g, dy, weight, true, {}, padding, {g.N, g.IC, g.IH, g.IW}, {});
}

/// m [places, O, I] = Σ over the tiles from `begin` to `end` of transformed dy · transformed x, for one group.
template <int L, class T>
void correlate(const Images<const T>& dy, const Images<const T>& x, const Tiling& tiling, Size2 padding, Dim begin,
               Dim end, float* m) {
  const Dim I = x.C;
  const Dim O = dy.C;
  const Dim chunk = chunk_of(end - begin, places * (I + O) * static_cast<Dim>(sizeof(T)), Dim{640} << 10);
  const Dim in_step = step_of(chunk, I);
  const Dim out_step = step_of(chunk, O);
  Tensor inputs = Tensor::empty({places, in_step}, dtype_of<T>);
  Tensor outputs = Tensor::empty({places, out_step}, dtype_of<T>);
  T* const v = inputs.mutable_data<T>().data();
  T* const w = outputs.mutable_data<T>().data();
  for (Dim first = begin; first < end; first += chunk) {
    const Dim count = std::min(chunk, end - first);
    compiled<L, T>([&]<Isa set>() __attribute__((always_inline)) {
      store_tiles<L, paired<T>, set>(
          count, I, v, in_step, [&](Dim t, Dim block, Tile<L> & tile) __attribute__((always_inline)) {
            load_tile<L, 4, set>(x, Corner(tiling, first + t, padding), block, tile);
            transform_input<L>(tile);
          });
      store_tiles<L, paired<T>, set>(
          count, O, w, out_step, [&](Dim t, Dim block, Tile<L> & tile) __attribute__((always_inline)) {
            load_tile<L, 2, set>(dy, Corner(tiling, first + t, 0), block, tile);
            transform_output_gradient<L>(tile);
          });
      by_panels<L>(
          I, [&]<int vectors>() __attribute__((always_inline)) {
            for (Dim p = 0; p < places; ++p)
              for (Dim i = 0; i < I; i += vectors * L)
                product<L, vectors, paired<T>, set>(as_words(w + p * out_step), 1, O,
                                                    as_words(v + p * in_step + i * word_size<T>), I, m + p * O * I + i,
                                                    I, O, (count + word_size<T> - 1) / word_size<T>, first != begin);
          });
    });
  }
}

/// dw [O, I, 3, 3] of one group from the sum of `parts` matrices m, for the output channels from `begin` to `end`.
template <int L>
void finish(const float* m, Dim parts, Dim O, Dim I, Dim begin, Dim end, float* dw) {
  compiled<L, float>([&]<Isa set>() __attribute__((always_inline)) {
    for (Dim o = begin; o < end; ++o)
      for (Dim i = 0; i < I; i += L) {
        Tile<L> tile = {};
        for (Dim part = 0; part < parts; ++part)
          for (int p = 0; p < places; ++p) {
            Lanes<L> more;
            load<L, set>(more, m + ((part * places + p) * O + o) * I + i);
            tile[p] += more;
          }
        transform_weight_gradient<L>(tile);
        float taps[9][L];
        for (int tap = 0; tap < 9; ++tap) store<L, set>(taps[tap], tile[tap / 3 * 4 + tap % 3]);
        float* const to = dw + (o * I + i) * 9;
        for (int l = 0; l < L; ++l)
          for (int tap = 0; tap < 9; ++tap) to[l * 9 + tap] = taps[tap][l];
      }
  });
}

/// Groups are dealt out to threads; where they do not come out even, so are the tiles of each, and their sums added.
Tensor backward_weight(const Conv2dGeometry& g, const Tensor& dy, const Tensor& x) {
  const Layout layout = vector_layout(g, x.dtype());
  const Tensor source = x.to(layout);
  const Tensor gradient = dy.to(layout);
  const Dim I = g.IC / g.G;
  const Dim O = g.OC / g.G;
  const Tiling tiling(g.OH, g.OW);
  const Dim tiles = g.N * tiling.per_image;
  // As many parts as let all threads work to the end, if their sums do not take too much memory.
  const Dim even = threads() / std::gcd<Dim, Dim>(threads(), g.G);
  const Dim parts = std::clamp<Dim>(std::min(even, (Dim{16} << 20) / (g.G * places * O * I)), 1, tiles);
  Tensor dw = Tensor::empty({g.OC, I, 3, 3});
  float* const pw = dw.mutable_data<float>().data();
  specialise(g, x.dtype(), [&]<int L, class T>() {
    const T* const px = source.raw<T>().data();
    const T* const pd = gradient.raw<T>().data();
    const auto sum = [&](Dim group, Dim part, float* m) {
      const Images<const T> in{px + group * I * g.IH * g.IW, g.IC * g.IH * g.IW, I, g.IH, g.IW};
      const Images<const T> out{pd + group * O * g.OH * g.OW, g.OC * g.OH * g.OW, O, g.OH, g.OW};
      correlate<L, T>(out, in, tiling, g.padding, tiles * part / parts, tiles * (part + 1) / parts, m);
    };
    if (parts == 1) {
      parallel_for(g.G, 1, [&](Dim begin, Dim end) {
        Tensor sums = Tensor::empty({places, O, I});
        float* const m = sums.mutable_data<float>().data();
        for (Dim group = begin; group < end; ++group) {
          sum(group, 0, m);
          finish<L>(m, 1, O, I, 0, O, pw + group * O * I * 9);
        }
      });
      return;
    }
    Tensor sums = Tensor::empty({g.G, parts, places, O, I});
    float* const m = sums.mutable_data<float>().data();
    parallel_for(g.G * parts, 1, [&](Dim begin, Dim end) {
      for (Dim task = begin; task < end; ++task) sum(task / parts, task % parts, m + task * places * O * I);
    });
    for (Dim group = 0; group < g.G; ++group)
      parallel_for(O, grain_for(parts * places * I), [&](Dim begin, Dim end) {
        finish<L>(m + group * parts * places * O * I, parts, O, I, begin, end, pw + group * O * I * 9);
      });
  });
  return dw;
}

}  // namespace

const Conv2dKernels winograd{Backend::simd,  supports,        vector_layout, forward,
                             backward_input, backward_weight, forward_fused};

}  // namespace fanin::simd
