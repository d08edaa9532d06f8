#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/lanes.h"
#include "core/ops/conv2d/kernels.h"
#include "core/ops/tail.h"
#include "core/simd.h"
#include "core/threads.h"

// 3×3 convolutions in groups of 4 or 8 channels, over blocks of L = 16 (or 8) channels that hold whole groups. Lane l
// of an accumulator is output channel l of the block; what it is multiplied with, input channel i of the same group,
// comes from one pixel's vector by shuffles within the group. oneDNN has no kernel for such groups: merged into groups
// of L channels, as its kernels want them, a half or three quarters of the multiplications are by zero.
//
// Where the machine has the instruction for it, bf16 goes through forward and backward_input in pairs of channels: a
// lane then holds two neighbours, and a multiplication adds both products.

namespace fanin::simd {

namespace {

constexpr int K = 3;  // height and width of the kernel

/// How the channels of a group are taken: `part` words side by side, each a channel or, in bf16, a pair of them.
template <int group, bool pairs>
struct Words {
  static constexpr int all = pairs ? group / 2 : group;
  static constexpr int part = all < 4 ? all : 4;
  static constexpr int parts = all / part;
};

template <int L, Isa set, class T>
constexpr bool multiplied_in_pairs = multiplies_pairs<L, set>&& std::is_same_v<T, bfloat16>;

/// f(0), f(1), …, f(count − 1), each with its number known when compiled.
template <int count, class F>
[[gnu::always_inline]] inline void unrolled(F&& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, i>()), ...);
  }
  (std::make_integer_sequence<int, count>());
}

/// Part p of each group's channels of one pixel, laid out in fours: word i of the part is in lanes i, i + 4, … of the
/// group.
template <int L, int group, bool pairs, int p, Isa set, class T>
[[gnu::always_inline]] inline void take(Lanes<L>& v, const T* pixel) {
  if constexpr (pairs) {
    Lanes<L / 2> words;
    std::memcpy(&words, pixel, sizeof words);
    [&]<int... l>(std::integer_sequence<int, l...>) __attribute__((always_inline)) {
      v = __builtin_shufflevector(words, words, (l / group * (group / 2) + l % (group / 2))...);
    }
    (std::make_integer_sequence<int, L>());
  } else {
    load<L, set>(v, pixel);
    if constexpr (group == 8) [&]<int... l>(std::integer_sequence<int, l...>) __attribute__((always_inline)) {
        v = __builtin_shufflevector(v, v, (l / group * group + p * 4 + l % 4)...);
      }
    (std::make_integer_sequence<int, L>());
  }
}

/// Word i of the part, in all lanes of its group.
template <int L, int i>
[[gnu::always_inline]] inline void spread(Lanes<L>& r, const Lanes<L>& v) {
  [&]<int... l>(std::integer_sequence<int, l...>) __attribute__((always_inline)) {
    r = __builtin_shufflevector(v, v, (l / 4 * 4 + i)...);
  }
  (std::make_integer_sequence<int, L>());
}

/// What is one image's block of channels, [H, W, L], with zeros around it.
template <int L, class T>
struct Plane {
  const T* pixels;
  const T* zeros;  // one pixel
  Dim H, W;
  bool has_row(Dim h) const { return h >= 0 && h < H; }
  const T* at(Dim h, Dim w) const { return w >= 0 && w < W ? pixels + (h * W + w) * L : zeros; }
};

/// `width` outputs side by side, from (oh, ow) on. weights [parts, K, K, part, L] words, bias [L].
template <int L, int group, int width, Isa set, class T>
[[gnu::always_inline]] inline void outputs(const Plane<L, T> x, const float* weights, const float* bias, bool relu,
                                           Size2 padding, Dim oh, Dim ow, T* y) {
  constexpr bool pairs = multiplied_in_pairs<L, set, T>;
  using W = Words<group, pairs>;
  Lanes<L> sums[width];
  for (int o = 0; o < width; ++o) load<L, set>(sums[o], bias);
  unrolled<W::parts>([&](auto p) __attribute__((always_inline)) {
    for (Dim kh = 0; kh < K; ++kh) {
      const Dim ih = oh + kh - padding.h;
      if (!x.has_row(ih)) continue;
      Lanes<L> w[K][W::part];
      std::memcpy(w, weights + (p * K + kh) * K * W::part * L, sizeof w);
      unrolled<width + K - 1>([&](auto at) __attribute__((always_inline)) {
        Lanes<L> v;
        take<L, group, pairs, p, set>(v, x.at(ih, ow + at - padding.w));
        unrolled<W::part>([&](auto i) __attribute__((always_inline)) {
          Lanes<L> channel;
          spread<L, i>(channel, v);
          unrolled<K>([&](auto kw) __attribute__((always_inline)) {
            constexpr int o = at - kw;
            if constexpr (o >= 0 && o < width) add_product<L, pairs, set>(sums[o], channel, w[kw][i]);
          });
        });
      });
    }
  });
  for (int o = 0; o < width; ++o) {
    if (relu) rectify<L, set>(sums[o]);
    store<L, set>(y + o * L, sums[o]);
  }
}

/// One image's block: all outputs, eight at a time where a row has as many.
template <int L, int group, Isa set, class T>
[[gnu::always_inline]] inline void convolve(const Plane<L, T> x, const float* weights, const float* bias, bool relu,
                                            Size2 padding, Dim OH, Dim OW, T* y) {
  constexpr int width = 8;
  for (Dim oh = 0; oh < OH; ++oh) {
    T* const row = y + oh * OW * L;
    if (OW < width) {
      for (Dim ow = 0; ow < OW; ++ow) outputs<L, group, 1, set>(x, weights, bias, relu, padding, oh, ow, row + ow * L);
      continue;
    }
    for (Dim next = 0; next < OW; next += width) {
      const Dim ow = std::min(next, OW - width);
      outputs<L, group, width, set>(x, weights, bias, relu, padding, oh, ow, row + ow * L);
    }
  }
}

/// sums [parts, K, K, part, L] += Σ over the image of dy[o] · x[i], i shifted by the tap.
template <int L, int group, Isa set, class T>
[[gnu::always_inline]] inline void correlate(const Plane<L, T> x, const Plane<L, T> dy, Size2 padding, float* sums) {
  using W = Words<group, false>;
  unrolled<W::parts>([&](auto p) __attribute__((always_inline)) {
    for (Dim kh = 0; kh < K; ++kh) {
      float* const target = sums + (p * K + kh) * K * W::part * L;
      Lanes<L> w[K][W::part];
      std::memcpy(w, target, sizeof w);
      for (Dim oh = 0; oh < dy.H; ++oh) {
        const Dim ih = oh + kh - padding.h;
        if (!x.has_row(ih)) continue;
        for (Dim iw = 0; iw < x.W; ++iw) {
          Lanes<L> v;
          take<L, group, false, p, set>(v, x.at(ih, iw));
          Lanes<L> g[K];
          for (int kw = 0; kw < K; ++kw) load<L, set>(g[kw], dy.at(oh, iw - kw + padding.w));
          unrolled<W::part>([&](auto i) __attribute__((always_inline)) {
            Lanes<L> channel;
            spread<L, i>(channel, v);
            for (int kw = 0; kw < K; ++kw) add_product<L, false, set>(w[kw][i], channel, g[kw]);
          });
        }
      }
      std::memcpy(target, w, sizeof w);
    }
  });
}

bool supports(const Conv2dGeometry& g, DType dtype) {
  if ((dtype != DType::f32 && dtype != DType::bf16) || g.KH != K || g.KW != K || g.stride != Size2(1) ||
      g.dilation != Size2(1) || g.padding.h >= K || g.padding.w >= K || g.N == 0)
    return false;
  const Dim group = g.IC / g.G;
  const Dim L = vector_layout(g, dtype).block;
  return group == g.OC / g.G && g.G > 1 &&
         ((L == 16 && isa() >= least_isa<16> && (group == 4 || group == 8)) ||
          (L == 8 && isa() >= least_isa<8> && group == 4));
}

/// f.operator()<L, group, T>().
template <class F>
void specialise(const Conv2dGeometry& g, DType dtype, F&& f) {
  const auto with_type = [&]<int L, int group>() {
    if (dtype == DType::bf16)
      f.template operator()<L, group, bfloat16>();
    else
      f.template operator()<L, group, float>();
  };
  if (vector_layout(g, dtype).block == 8)
    with_type.template operator()<8, 4>();
  else if (g.IC / g.G == 4)
    with_type.template operator()<16, 4>();
  else
    with_type.template operator()<16, 8>();
}

/// Whether forward and backward_input take channels in pairs.
bool takes_pairs(DType dtype, Dim L) {
  return names_instructions && dtype == DType::bf16 && L == 16 && isa() >= Isa::avx512_bf16;
}

/// Calls f(c, i, kh, kw, word) for each weight of block b: from channel i of its group to channel c, and its place
/// among the [parts, K, K, part, L] words.
template <class F>
void for_each_weight(Dim C, Dim group, bool pairs, Dim L, Dim b, const F& f) {
  const Dim part = std::min<Dim>(4, pairs ? group / 2 : group);
  for (Dim i = 0; i < group; ++i)
    for (Dim kh = 0; kh < K; ++kh)
      for (Dim kw = 0; kw < K; ++kw)
        for (Dim l = 0; l < std::min(L, C - b * L); ++l) {
          const Dim word = pairs ? i / 2 : i;
          f(b * L + l, i, kh, kw, (((word / part * K + kh) * K + kw) * part + word % part) * L + l);
        }
}

/// Weights by blocks of channels.
struct Packed {
  std::vector<float> words;  // [blocks, parts, K, K, part, L], zero beyond C
  Dim block;                 // words in one block
};

/// Of [C, group, K, K]. `turned`: as the gradient of the input wants them, from output channels to input channels, the
/// kernel turned by half.
Packed pack(const Conv2dGeometry& g, const Tensor& weight, bool turned) {
  const Layout layout = vector_layout(g, weight.dtype());
  const Dim L = layout.block;
  const Dim group = g.IC / g.G;
  const Dim blocks = (g.IC + L - 1) / L;
  const bool pairs = takes_pairs(weight.dtype(), L);
  Packed result{{}, (pairs ? group / 2 : group) * K * K * L};
  result.words.resize(static_cast<std::size_t>(blocks * result.block));
  dispatch(weight.dtype(), [&]<class T>() {
    const auto from = weight.data<T>();
    for (Dim b = 0; b < blocks; ++b)
      for_each_weight(g.IC, group, pairs, L, b, [&](Dim c, Dim i, Dim kh, Dim kw, Dim word) {
        const Dim first = c / group * group;
        const Dim source = turned ? (((first + i) * group + c - first) * K + K - 1 - kh) * K + K - 1 - kw
                                  : ((c * group + i) * K + kh) * K + kw;
        const T value = from[static_cast<std::size_t>(source)];
        float& target = result.words[static_cast<std::size_t>(b * result.block + word)];
        if (pairs)
          std::memcpy(reinterpret_cast<std::byte*>(&target) + i % 2 * 2, &value, 2);
        else
          target = static_cast<float>(value);
      });
  });
  return result;
}

/// x [N, C, H, W] with packed weights to [N, C, OH, OW], both in blocks.
Tensor run(const Conv2dGeometry& g, const Tensor& x, const Packed& weights, const Tensor& bias, bool relu,
           Size2 padding, Dim OH, Dim OW) {
  const Layout layout = vector_layout(g, x.dtype());
  const Tensor source = x.to(layout);
  Tensor y = Tensor::empty({g.N, g.OC, OH, OW}, x.dtype(), layout);
  const Dim blocks = layout.blocks(x.shape());
  specialise(g, x.dtype(), [&]<int L, int group, class T>() {
    const T* const from = source.raw<T>().data();
    T* const to = y.mutable_raw<T>().data();
    const std::array<T, L> zeros{};
    const Dim pixels = x.dim(2) * x.dim(3);
    std::vector<float> start(static_cast<std::size_t>(blocks * L));
    if (bias.defined()) std::ranges::copy(bias.as(DType::f32).data<float>(), start.begin());
    parallel_for(g.N * blocks, grain_for(OH * OW * group * K * K), [&](Dim begin, Dim end) {
      for (Dim image = begin; image < end; ++image) {
        const Plane<L, T> plane{from + image * pixels * L, zeros.data(), x.dim(2), x.dim(3)};
        const float* const w = weights.words.data() + image % blocks * weights.block;
        const float* const first = start.data() + image % blocks * L;
        with_registers<L, T>([&]<Isa set>() __attribute__((always_inline)) {
          if constexpr (set >= least_isa<L>)
            convolve<L, group, set>(plane, w, first, relu, padding, OH, OW, to + image * OH * OW * L);
        });
      }
    });
  });
  return y;
}

Tensor forward(const Conv2dGeometry& g, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return run(g, x, pack(g, weight.as(x.dtype()), false), bias, false, g.padding, g.OH, g.OW);
}

Tensor forward_fused(const Conv2dGeometry& g, const Tensor& x, const Tensor& weight, const Tensor& bias,
                     const Conv2dTail& tail) {
  const bool relu = tail.relu && !tail.addend.defined();
  Tensor y = run(g, x, pack(g, weight.as(x.dtype()), false), bias, relu, g.padding, g.OH, g.OW);
  if (tail.addend.defined()) add_and_rectify(y, tail.addend, tail.relu);
  return y;
}

Tensor backward_input(const Conv2dGeometry& g, const Tensor& dy, const Tensor& weight) {
  const Size2 padding(K - 1 - g.padding.h, K - 1 - g.padding.w);
  return run(g, dy, pack(g, weight.as(dy.dtype()), true), {}, false, padding, g.IH, g.IW);
}

Tensor backward_weight(const Conv2dGeometry& g, const Tensor& dy, const Tensor& x) {
  const Layout layout = vector_layout(g, x.dtype());
  const Tensor source = x.to(layout);
  const Tensor gradient = dy.to(layout);
  Tensor dw = Tensor::empty({g.OC, g.IC / g.G, K, K});
  const auto to = dw.mutable_data<float>();
  const Dim blocks = layout.blocks(x.shape());
  specialise(g, x.dtype(), [&]<int L, int group, class T>() {
    const T* const px = source.raw<T>().data();
    const T* const pdy = gradient.raw<T>().data();
    const std::array<T, L> zeros{};
    parallel_for(blocks, 1, [&](Dim begin, Dim end) {
      for (Dim b = begin; b < end; ++b) {
        std::vector<float> sums(static_cast<std::size_t>(group * K * K * L));
        for (Dim n = 0; n < g.N; ++n) {
          const Dim image = n * blocks + b;
          const Plane<L, T> from{px + image * g.IH * g.IW * L, zeros.data(), g.IH, g.IW};
          const Plane<L, T> by{pdy + image * g.OH * g.OW * L, zeros.data(), g.OH, g.OW};
          with_registers<L, T>([&]<Isa set>() __attribute__((always_inline)) {
            if constexpr (set >= least_isa<L>) correlate<L, group, set>(from, by, g.padding, sums.data());
          });
        }
        for_each_weight(g.OC, group, false, L, b, [&](Dim c, Dim i, Dim kh, Dim kw, Dim at) {
          to[static_cast<std::size_t>(((c * group + i) * K + kh) * K + kw)] = sums[static_cast<std::size_t>(at)];
        });
      }
    });
  });
  return dw;
}

}  // namespace

const Conv2dKernels conv2d{Backend::simd,  supports,        vector_layout, forward,
                           backward_input, backward_weight, forward_fused};

}  // namespace fanin::simd
