#include <array>
#include <cmath>

#include "core/lanes.h"
#include "core/ops/batch_norm2d/kernels.h"
#include "core/simd.h"
#include "core/threads.h"

// Panels of 16 (or 8) channels, each taken by one thread from its statistics to its result, so that the second and
// third pass over a panel find it in the cache. Sums run in f32 over 256 rows and from there in f64. The ReLU's mask is
// not kept: backward computes the sign of y again from x.

namespace fanin::simd {

namespace {

/// Where the rows of L channels lie: `segments` stretches of `rows` rows.
struct Panels {
  Panels(const Tensor& x, Dim lanes) : C(x.dim(1)) {
    const Shape& shape = x.shape();
    const Dim B = x.layout().block;
    const Dim S = shape.numel_from(2);
    const bool last = B == C && B != lanes;  // channels-last: one block, cut into panels
    count = last ? C / lanes : x.layout().blocks(shape);
    stride = B;
    panel_stride = last ? lanes : S * B;
    segments = last ? 1 : shape[0];
    rows = last ? shape[0] * S : S;
    segment_stride = x.layout().blocks(shape) * S * B;
    values = shape[0] * S;
  }
  Dim C, count, stride, panel_stride, segments, rows, segment_stride, values;
};

Dim lanes_of(const Shape& shape, Layout layout) {
  if (layout.block == 16 || layout.block == 8) return layout.block;
  if (layout.block != shape[1]) return 0;
  return shape[1] % 16 == 0 ? 16 : shape[1] % 8 == 0 ? 8 : 0;
}

bool supports(const Shape& shape, DType dtype, Layout layout) {
  return (dtype == DType::f32 || dtype == DType::bf16) && shape.numel() > 0 && lanes_of(shape, layout) != 0;
}

/// One number for each channel of a panel; 0 in the lanes beyond the last channel.
template <int L>
Lanes<L> take(const Tensor& vector, Dim panel) {
  Lanes<L> result = {};
  const auto values = vector.data<float>();
  const Dim count = std::min<Dim>(L, static_cast<Dim>(values.size()) - panel * L);
  std::memcpy(&result, values.data() + panel * L, static_cast<std::size_t>(count) * sizeof(float));
  return result;
}

template <int L>
void put(float* vector, Dim C, Dim panel, const Lanes<L>& values) {
  std::memcpy(vector + panel * L, &values, static_cast<std::size_t>(std::min<Dim>(L, C - panel * L)) * sizeof(float));
}

/// What normalises a panel: y = (x − mean) · scale + bias.
template <int L>
struct Factors {
  Lanes<L> mean, inverse, scale, bias;
};

template <int L>
Factors<L> factors(const Tensor& mean, const Tensor& variance, const Tensor& weight, const Tensor& bias, double eps,
                   Dim panel) {
  Factors<L> f{take<L>(mean, panel), {}, {}, take<L>(bias, panel)};
  const Lanes<L> var = take<L>(variance, panel);
  const Lanes<L> w = take<L>(weight, panel);
  for (int l = 0; l < L; ++l) f.inverse[l] = static_cast<float>(1 / std::sqrt(static_cast<double>(var[l]) + eps));
  f.scale = w * f.inverse;
  return f;
}

/// Σ f(row) for two sums at once, by lanes: f(offset, a, b) adds one row to a and b.
template <int L, class F>
[[gnu::always_inline]] inline void sum_rows(const Panels& p, Dim panel, std::array<double, L>& a,
                                            std::array<double, L>& b, F& f) {
  a.fill(0);
  b.fill(0);
  for (Dim s = 0; s < p.segments; ++s)
    for (Dim first = 0; first < p.rows; first += 256) {
      Lanes<L> pa = {}, pb = {}, qa = {}, qb = {};  // two of each: an addition waits for the one before it
      const Dim last = std::min(first + 256, p.rows);
      const Dim base = panel * p.panel_stride + s * p.segment_stride;
      Dim r = first;
      for (; r + 1 < last; r += 2) {
        f(base + r * p.stride, pa, pb);
        f(base + (r + 1) * p.stride, qa, qb);
      }
      if (r < last) f(base + r * p.stride, pa, pb);
      for (int l = 0; l < L; ++l) {
        a[static_cast<std::size_t>(l)] += static_cast<double>(pa[l]) + static_cast<double>(qa[l]);
        b[static_cast<std::size_t>(l)] += static_cast<double>(pb[l]) + static_cast<double>(qb[l]);
      }
    }
}

/// Calls f(offset) for every row of a panel.
template <class F>
[[gnu::always_inline]] inline void for_each_row(const Panels& p, Dim panel, F& f) {
  for (Dim s = 0; s < p.segments; ++s) {
    Dim at = panel * p.panel_stride + s * p.segment_stride;
    for (Dim r = 0; r < p.rows; ++r, at += p.stride) f(at);
  }
}

template <int L, class T>
void statistics(const Panels& p, Dim panel, const T* x, float* mean, float* variance) {
  std::array<double, L> sum, unused;
  vectorized([&]() __attribute__((always_inline)) {
    auto add = [&](Dim at, Lanes<L> & a, Lanes<L>&) __attribute__((always_inline)) {
      Lanes<L> v;
      load<L>(v, x + at);
      a += v;
    };
    sum_rows<L>(p, panel, sum, unused, add);
  });
  Lanes<L> centre;
  for (int l = 0; l < L; ++l)
    centre[l] = static_cast<float>(sum[static_cast<std::size_t>(l)] / static_cast<double>(p.values));
  put<L>(mean, p.C, panel, centre);
  std::array<double, L> squares;
  vectorized([&]() __attribute__((always_inline)) {
    auto add = [&](Dim at, Lanes<L> & a, Lanes<L>&) __attribute__((always_inline)) {
      Lanes<L> v;
      load<L>(v, x + at);
      v -= centre;
      a += v * v;
    };
    sum_rows<L>(p, panel, squares, unused, add);
  });
  Lanes<L> spread;
  for (int l = 0; l < L; ++l)
    spread[l] = static_cast<float>(squares[static_cast<std::size_t>(l)] / static_cast<double>(p.values));
  put<L>(variance, p.C, panel, spread);
}

template <int L, bool relu, class T>
void normalise(const Panels& p, Dim panel, const Factors<L>& f, const T* x, T* y) {
  const Lanes<L> zero = {};
  vectorized([&]() __attribute__((always_inline)) {
    auto row = [&](Dim at) __attribute__((always_inline)) {
      Lanes<L> v;
      load<L>(v, x + at);
      v = (v - f.mean) * f.scale + f.bias;
      if constexpr (relu) v = v < 0 ? zero : v;  // keeps NaN
      store<L>(y + at, v);
    };
    for_each_row(p, panel, row);
  });
}

template <int L, bool relu, class T>
void backward_panel(const Panels& p, Dim panel, const Factors<L>& f, bool through, const T* x, const T* dy, T* dx,
                    float* dweight, float* dbias) {
  const Lanes<L> zero = {};
  // The gradient that passes the ReLU, and x less its mean.
  auto incoming = [&](Dim at, Lanes<L> & g, Lanes<L> & v) __attribute__((always_inline)) {
    load<L>(v, x + at);
    v -= f.mean;
    load<L>(g, dy + at);
    if constexpr (relu) g = v * f.scale + f.bias > 0 ? g : zero;
  };
  std::array<double, L> db, dw;
  vectorized([&]() __attribute__((always_inline)) {
    auto add = [&](Dim at, Lanes<L> & a, Lanes<L> & b) __attribute__((always_inline)) {
      Lanes<L> g, v;
      incoming(at, g, v);
      a += g;
      b += g * v;
    };
    sum_rows<L>(p, panel, db, dw, add);
  });
  Lanes<L> bias, weight, shift = {}, slope = {};
  for (int l = 0; l < L; ++l) {
    const double sum = dw[static_cast<std::size_t>(l)] * static_cast<double>(f.inverse[l]);
    bias[l] = static_cast<float>(db[static_cast<std::size_t>(l)]);
    weight[l] = static_cast<float>(sum);
    if (!through) continue;
    shift[l] = static_cast<float>(db[static_cast<std::size_t>(l)] / static_cast<double>(p.values));
    slope[l] = static_cast<float>(sum / static_cast<double>(p.values) * static_cast<double>(f.inverse[l]));
  }
  put<L>(dbias, p.C, panel, bias);
  put<L>(dweight, p.C, panel, weight);
  vectorized([&]() __attribute__((always_inline)) {
    auto row = [&](Dim at) __attribute__((always_inline)) {
      Lanes<L> g, v;
      incoming(at, g, v);
      store<L>(dx + at, (g - shift - v * slope) * f.scale);
    };
    for_each_row(p, panel, row);
  });
}

/// f.operator()<L, relu, T>() for the tensor's lanes and element type.
template <class F>
void specialise(const Tensor& x, bool relu, F&& f) {
  const auto with_type = [&]<int L, bool R>() {
    if (x.dtype() == DType::bf16)
      f.template operator()<L, R, bfloat16>();
    else
      f.template operator()<L, R, float>();
  };
  const bool wide = lanes_of(x.shape(), x.layout()) == 16;
  if (wide)
    relu ? with_type.template operator()<16, true>() : with_type.template operator()<16, false>();
  else
    relu ? with_type.template operator()<8, true>() : with_type.template operator()<8, false>();
}

BatchNorm2dResult training(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, bool relu) {
  BatchNorm2dResult result{Tensor::like(x), Tensor::empty({x.dim(1)}), Tensor::empty({x.dim(1)}), {}};
  specialise(x, relu, [&]<int L, bool R, class T>() {
    const Panels p(x, L);
    const T* px = x.raw<T>().data();
    T* py = result.y.mutable_raw<T>().data();
    float* mean = result.mean.mutable_data<float>().data();
    float* variance = result.variance.mutable_data<float>().data();
    parallel_for(p.count, grain_for(4 * p.values), [&](Dim begin, Dim end) {
      for (Dim panel = begin; panel < end; ++panel) {
        statistics<L>(p, panel, px, mean, variance);
        normalise<L, R>(p, panel, factors<L>(result.mean, result.variance, weight, bias, eps, panel), px, py);
      }
    });
  });
  return result;
}

Tensor evaluation(const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& weight, const Tensor& bias,
                  double eps, bool relu) {
  Tensor y = Tensor::like(x);
  specialise(x, relu, [&]<int L, bool R, class T>() {
    const Panels p(x, L);
    const T* px = x.raw<T>().data();
    T* py = y.mutable_raw<T>().data();
    parallel_for(p.count, grain_for(p.values), [&](Dim begin, Dim end) {
      for (Dim panel = begin; panel < end; ++panel)
        normalise<L, R>(p, panel, factors<L>(mean, variance, weight, bias, eps, panel), px, py);
    });
  });
  return y;
}

BatchNorm2dGradients backward(Tensor dy, const BatchNorm2dSaved& saved, bool through_statistics) {
  const Tensor& x = saved.x;
  Tensor dout = dy.to(x.layout());
  dy = Tensor();
  BatchNorm2dGradients d{dout.unique() ? dout : Tensor::like(x), Tensor::empty({x.dim(1)}), Tensor::empty({x.dim(1)})};
  specialise(x, saved.relu, [&]<int L, bool R, class T>() {
    const Panels p(x, L);
    const T* px = x.raw<T>().data();
    const T* pdy = dout.raw<T>().data();
    T* pdx = d.dx.mutable_raw<T>().data();
    float* dweight = d.dweight.mutable_data<float>().data();
    float* dbias = d.dbias.mutable_data<float>().data();
    parallel_for(p.count, grain_for(4 * p.values), [&](Dim begin, Dim end) {
      for (Dim panel = begin; panel < end; ++panel) {
        const auto f = factors<L>(saved.mean, saved.variance, saved.weight, saved.bias, saved.eps, panel);
        backward_panel<L, R>(p, panel, f, through_statistics, px, pdy, pdx, dweight, dbias);
      }
    });
  });
  return d;
}

}  // namespace

const BatchNorm2dKernels batch_norm2d{Backend::simd, supports, training, evaluation, backward};

}  // namespace fanin::simd
