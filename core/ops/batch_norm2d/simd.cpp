#include <algorithm>
#include <array>
#include <cmath>

#include "core/lanes.h"
#include "core/ops/batch_norm2d/kernels.h"
#include "core/simd.h"
#include "core/threads.h"

// Panels of 16 (or 8) channels, each taken from its statistics to its result before the next, so that the second pass
// over a panel finds it in the cache: small panels by one thread each, large ones by all threads together. Loops work
// on copies of what they need: a store might change what lies in memory. Sums run in f32 over 256 rows and from there
// in f64. The ReLU's mask is not kept: backward computes the sign of y again from x.

namespace fanin::simd {

namespace {

/// A panel's rows are cut into so many pieces, whose sums are added in order: the bits do not depend on the number of
/// threads, nor on whether they share a panel.
constexpr Dim pieces = 16;
/// Bytes of a panel from which all threads work on the same one, so that it stays in the caches for the second pass.
constexpr Dim large_panel = Dim{1} << 19;
/// Bytes of a result from which it is written past the caches: whoever reads it next would not find it there.
constexpr Dim large_result = Dim{1} << 22;

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
    shared = values * lanes * static_cast<Dim>(size_of(x.dtype())) >= large_panel;
    streams = values * C * static_cast<Dim>(size_of(x.dtype())) >= large_result;
  }
  Dim C, count, stride, panel_stride, segments, rows, segment_stride, values;
  bool shared, streams;
};

/// Calls f(panel) for every panel, on all threads but where they share each panel.
template <class F>
void for_each_panel(const Panels& p, Dim cost, F&& f) {
  parallel_for(p.count, p.shared ? p.count : grain_for(cost * p.values), [&](Dim begin, Dim end) {
    for (Dim panel = begin; panel < end; ++panel) f(panel);
  });
}

/// Calls f(piece) for every piece of a panel.
template <class F>
void for_each_piece(const Panels& p, F&& f) {
  parallel_for(pieces, p.shared ? 1 : pieces, [&](Dim begin, Dim end) {
    for (Dim piece = begin; piece < end; ++piece) f(piece);
  });
}

/// Calls f(offset, rows) for every run of at most `longest` rows of a piece.
template <class F>
[[gnu::always_inline]] inline void for_each_run(const Panels& p, Dim panel, Dim piece, Dim longest, F&& f) {
  Dim row = p.values * piece / pieces;
  const Dim end = p.values * (piece + 1) / pieces;
  while (row < end) {
    const Dim within = row % p.rows;
    const Dim count = std::min({longest, p.rows - within, end - row});
    f(panel * p.panel_stride + row / p.rows * p.segment_stride + within * p.stride, count);
    row += count;
  }
}

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

/// What normalises a panel: y = x · scale + shift, where scale = weight / √(variance + ε), shift = bias − mean · scale.
template <int L>
struct Factors {
  Lanes<L> mean, inverse, scale, shift;
};

template <int L>
Factors<L> factors(const Tensor& mean, const Tensor& variance, const Tensor& weight, const Tensor& bias, double eps,
                   Dim panel) {
  Factors<L> f{take<L>(mean, panel), {}, {}, {}};
  const Lanes<L> var = take<L>(variance, panel);
  const Lanes<L> w = take<L>(weight, panel);
  const Lanes<L> b = take<L>(bias, panel);
  for (int l = 0; l < std::min<Dim>(L, mean.dim(0) - panel * L); ++l) {  // the other lanes stay 0
    f.inverse[l] = static_cast<float>(1 / std::sqrt(static_cast<double>(var[l]) + eps));
    f.scale[l] = w[l] * f.inverse[l];
    f.shift[l] = static_cast<float>(static_cast<double>(b[l]) -
                                    static_cast<double>(f.mean[l]) * static_cast<double>(f.scale[l]));
  }
  return f;
}

enum class Tail : std::uint8_t { none, relu, add_relu };

template <int L>
using Sums = std::array<double, L>;

/// Two sums over a panel's rows at once, by lanes: f.operator()<set>(offset, a, b) adds one row to a and b.
template <int L, class T, class F>
void sum_rows(const Panels& p, Dim panel, Sums<L>& a, Sums<L>& b, const F& f) {
  std::array<std::array<Sums<L>, 2>, pieces> of;
  for_each_piece(p, [&](Dim piece) {
    Sums<L>& sa = of[static_cast<std::size_t>(piece)][0];
    Sums<L>& sb = of[static_cast<std::size_t>(piece)][1];
    sa.fill(0);
    sb.fill(0);
    with_registers<L, T>([&]<Isa set>() __attribute__((always_inline)) {
      for_each_run(
          p, panel, piece, 256, [&, f ](Dim at, Dim rows) __attribute__((always_inline)) {
            const Dim stride = p.stride;
            Lanes<L> pa = {}, pb = {}, qa = {}, qb = {};  // two of each: an addition waits for the one before it
            const Dim last = at + rows * stride;
            for (; at + stride < last; at += 2 * stride) {
              f.template operator()<set>(at, pa, pb);
              f.template operator()<set>(at + stride, qa, qb);
            }
            if (at < last) f.template operator()<set>(at, pa, pb);
            for (int l = 0; l < L; ++l) {
              sa[static_cast<std::size_t>(l)] += static_cast<double>(pa[l]) + static_cast<double>(qa[l]);
              sb[static_cast<std::size_t>(l)] += static_cast<double>(pb[l]) + static_cast<double>(qb[l]);
            }
          });
    });
  });
  a.fill(0);
  b.fill(0);
  for (const auto& [sa, sb] : of)
    for (std::size_t l = 0; l < L; ++l) {
      a[l] += sa[l];
      b[l] += sb[l];
    }
}

/// Calls f.operator()<set>(offset) for every row of a panel.
template <int L, class T, class F>
void for_each_row(const Panels& p, Dim panel, const F& f) {
  for_each_piece(p, [&](Dim piece) {
    with_registers<L, T>([&]<Isa set>() __attribute__((always_inline)) {
      for_each_run(
          p, panel, piece, p.values, [ stride = p.stride, f ](Dim at, Dim rows) __attribute__((always_inline)) {
            const F row = f;
            const Dim step = stride;
            for (Dim r = 0; r < rows; ++r, at += step) row.template operator()<set>(at);
          });
    });
    if (p.streams) published();
  });
}

/// Mean and variance from one pass: sums of x and x². Where the mean turns out to lie so far from 0 that the difference
/// of squares loses digits, a second pass takes both about the first one's mean.
template <int L, class T>
void statistics(const Panels& p, Dim panel, const T* x, float* mean, float* variance) {
  const auto n = static_cast<double>(p.values);
  Lanes<L> centre = {}, spread = {};
  for (int pass = 0; pass < 2; ++pass) {
    Sums<L> sum, squares;
    sum_rows<L, T>(
        p, panel, sum, squares, [=]<Isa set>(Dim at, Lanes<L> & a, Lanes<L> & b) __attribute__((always_inline)) {
          Lanes<L> v;
          load<L, set>(v, x + at);
          if (pass > 0) v -= centre;
          a += v;
          fused<L, set>(b, v, v, b);
        });
    bool close = true;
    for (int l = 0; l < L; ++l) {
      const double offset = sum[static_cast<std::size_t>(l)] / n;
      const double difference = squares[static_cast<std::size_t>(l)] / n - offset * offset;
      const double var = difference < 0 ? 0 : difference;  // NaN stays NaN
      close = close && !(offset * offset > 64 * var);
      centre[l] = static_cast<float>(static_cast<double>(centre[l]) + offset);
      spread[l] = static_cast<float>(var);
    }
    if (close) break;
  }
  put<L>(mean, p.C, panel, centre);
  put<L>(variance, p.C, panel, spread);
}

template <int L, Tail tail, class T>
void normalise(const Panels& p, Dim panel, const Factors<L>& f, const T* x, const T* addend, T* y) {
  for_each_row<L, T>(
      p, panel,
      [ =, streams = p.streams, scale = f.scale, shift = f.shift ]<Isa set>(Dim at) __attribute__((always_inline)) {
        Lanes<L> v;
        load<L, set>(v, x + at);
        fused<L, set>(v, v, scale, shift);
        if constexpr (tail == Tail::add_relu) {
          Lanes<L> more;
          load<L, set>(more, addend + at);
          v += more;
        }
        if constexpr (tail != Tail::none) rectify<L, set>(v);
        streams ? stream<L, set>(y + at, v) : store<L, set>(y + at, v);
      });
}

/// What backward reads and writes, as x lies. With an addend the first pass writes its gradient, which the second reads
/// in place of dy; then dx may be the bytes of `more`, otherwise those of dy.
template <class T>
struct Gradients {
  const T *x, *dy, *more, *y;
  T *dx, *daddend;
  float *dweight, *dbias;
};

/// x, and the gradient that passes the ReLU, whose result is y or, without an addend, what x gives.
template <int L, Tail tail, Isa set, class T>
[[gnu::always_inline]] inline void incoming(Lanes<L>& g, Lanes<L>& v, const Gradients<T>& d, Dim at,
                                            const Lanes<L>& scale, const Lanes<L>& shift) {
  load<L, set>(v, d.x + at);
  load<L, set>(g, d.dy + at);
  if constexpr (tail == Tail::none) return;
  Lanes<L> result;
  if constexpr (tail == Tail::relu) {
    fused<L, set>(result, v, scale, shift);
  } else {
    load<L, set>(result, d.y + at);
    if (d.more != nullptr) {
      Lanes<L> second;
      load<L, set>(second, d.more + at);
      g += second;
    }
  }
  g = result > 0 ? g : Lanes<L>{};
}

template <int L, Tail tail, class T>
void backward_panel(const Panels& p, Dim panel, const Factors<L>& f, bool through, Gradients<T> d) {
  Sums<L> db, dw;
  sum_rows<L, T>(
      p, panel, db, dw, [ d, scale = f.scale, shift = f.shift,
                          mean = f.mean ]<Isa set>(Dim at, Lanes<L> & a, Lanes<L> & b) __attribute__((always_inline)) {
        Lanes<L> g, v;
        incoming<L, tail, set>(g, v, d, at, scale, shift);
        if constexpr (tail == Tail::add_relu) store<L, set>(d.daddend + at, g);
        a += g;
        fused<L, set>(b, g, v - mean, b);
      });
  // dx = (g − Σg/n − (x − mean) · inverse² · Σg(x − mean)/n) · scale, as g · scale + x · slope + offset.
  Lanes<L> bias, weight, slope = {}, offset = {};
  for (int l = 0; l < L; ++l) {
    const auto lane = static_cast<std::size_t>(l);
    const auto inverse = static_cast<double>(f.inverse[l]);
    const auto scale = static_cast<double>(f.scale[l]);
    const auto n = static_cast<double>(p.values);
    bias[l] = static_cast<float>(db[lane]);
    weight[l] = static_cast<float>(dw[lane] * inverse);
    if (!through) continue;
    const double along = -dw[lane] * inverse * inverse / n * scale;
    slope[l] = static_cast<float>(along);
    offset[l] = static_cast<float>(-db[lane] / n * scale - static_cast<double>(f.mean[l]) * along);
  }
  put<L>(d.dbias, p.C, panel, bias);
  put<L>(d.dweight, p.C, panel, weight);
  constexpr Tail left = tail == Tail::add_relu ? Tail::none : tail;
  const bool fresh = d.dx != d.dy && d.dx != d.more;
  if constexpr (tail == Tail::add_relu) d.dy = d.daddend;
  for_each_row<L, T>(
      p, panel, [ =, streams = p.streams && fresh, scale = f.scale,
                  shift = f.shift ]<Isa set>(Dim at) __attribute__((always_inline)) {
        Lanes<L> g, v;
        incoming<L, left, set>(g, v, d, at, scale, shift);
        fused<L, set>(v, v, slope, offset);
        fused<L, set>(v, g, scale, v);
        streams ? stream<L, set>(d.dx + at, v) : store<L, set>(d.dx + at, v);
      });
}

Tail tail_of(bool has_addend, bool relu) { return has_addend ? Tail::add_relu : relu ? Tail::relu : Tail::none; }

/// f.operator()<L, tail, T>() for the tensor's lanes and element type.
template <class F>
void specialise(const Tensor& x, Tail tail, F&& f) {
  const auto with_type = [&]<int L, Tail t>() {
    if (x.dtype() == DType::bf16)
      f.template operator()<L, t, bfloat16>();
    else
      f.template operator()<L, t, float>();
  };
  const auto with_lanes = [&]<int L>() {
    switch (tail) {
      case Tail::none: return with_type.template operator()<L, Tail::none>();
      case Tail::relu: return with_type.template operator()<L, Tail::relu>();
      case Tail::add_relu: return with_type.template operator()<L, Tail::add_relu>();
    }
  };
  lanes_of(x.shape(), x.layout()) == 16 ? with_lanes.template operator()<16>() : with_lanes.template operator()<8>();
}

template <class T>
const T* pointer_to(const Tensor& t) {
  return t.defined() ? t.raw<T>().data() : nullptr;
}

BatchNorm2dResult training(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                           const BatchNorm2dTail& tail) {
  const Tensor addend = tail.addend.to(x.layout());
  BatchNorm2dResult result{Tensor::like(x), Tensor::empty({x.dim(1)}), Tensor::empty({x.dim(1)}), {}};
  specialise(x, tail_of(addend.defined(), tail.relu), [&]<int L, Tail t, class T>() {
    const Panels p(x, L);
    const T* px = x.raw<T>().data();
    const T* pa = pointer_to<T>(addend);
    T* py = result.y.mutable_raw<T>().data();
    float* mean = result.mean.mutable_data<float>().data();
    float* variance = result.variance.mutable_data<float>().data();
    for_each_panel(p, 4, [&](Dim panel) {
      statistics<L>(p, panel, px, mean, variance);
      normalise<L, t>(p, panel, factors<L>(result.mean, result.variance, weight, bias, eps, panel), px, pa, py);
    });
  });
  return result;
}

Tensor evaluation(const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& weight, const Tensor& bias,
                  double eps, const BatchNorm2dTail& tail) {
  const Tensor addend = tail.addend.to(x.layout());
  Tensor y = Tensor::like(x);
  specialise(x, tail_of(addend.defined(), tail.relu), [&]<int L, Tail t, class T>() {
    const Panels p(x, L);
    const T* px = x.raw<T>().data();
    const T* pa = pointer_to<T>(addend);
    T* py = y.mutable_raw<T>().data();
    for_each_panel(p, 1, [&](Dim panel) {
      normalise<L, t>(p, panel, factors<L>(mean, variance, weight, bias, eps, panel), px, pa, py);
    });
  });
  return y;
}

BatchNorm2dGradients backward(Tensor dy, Tensor more, const BatchNorm2dSaved& saved, bool through_statistics) {
  const Tensor& x = saved.x;
  const Tensor y = saved.y.to(x.layout());
  dy = dy.to(x.layout());
  more = more.to(x.layout());
  const auto over = [&](const Tensor& given) {  // what was given, where nobody else looks at it
    return given.defined() && given.unique() ? given : Tensor::like(x);
  };
  Tensor masked = over(dy);
  BatchNorm2dGradients d{y.defined() ? over(more) : masked, Tensor::empty({x.dim(1)}), Tensor::empty({x.dim(1)}),
                         y.defined() ? masked : Tensor()};
  specialise(x, tail_of(y.defined(), saved.relu), [&]<int L, Tail t, class T>() {
    const Panels p(x, L);
    const Gradients<T> at{x.raw<T>().data(),
                          dy.raw<T>().data(),
                          pointer_to<T>(more),
                          pointer_to<T>(y),
                          d.dx.mutable_raw<T>().data(),
                          masked.mutable_raw<T>().data(),
                          d.dweight.mutable_data<float>().data(),
                          d.dbias.mutable_data<float>().data()};
    for_each_panel(p, 4, [&](Dim panel) {
      const auto f = factors<L>(saved.mean, saved.variance, saved.weight, saved.bias, saved.eps, panel);
      backward_panel<L, t>(p, panel, f, through_statistics, at);
    });
  });
  return d;
}

}  // namespace

const BatchNorm2dKernels batch_norm2d{Backend::simd, supports, training,
                                      evaluation,    backward, {.repeat = true, .add = true}};

}  // namespace fanin::simd
