#include <cmath>

#include "core/ops/pool2d/kernels.h"
#include "core/threads.h"

// The definitions as loops over one plane at a time.

namespace fanin::reference {

namespace {

bool supports(const Pool2dGeometry&, DType) { return true; }

/// The part of an output's window that lies inside the image, and the divisor of its mean.
struct Window {
  Window(const Pool2dGeometry& g, Dim h, Dim w)
      : top(std::max<Dim>(0, h * g.stride.h - g.padding.h)),
        bottom(std::min(g.IH, h * g.stride.h - g.padding.h + g.KH)),
        left(std::max<Dim>(0, w * g.stride.w - g.padding.w)),
        right(std::min(g.IW, w * g.stride.w - g.padding.w + g.KW)) {
    // Padding counts up to its own edge: a window that ceil mode lets reach beyond it is cut there.
    const Dim rows = std::min(h * g.stride.h + g.KH, g.IH + 2 * g.padding.h) - h * g.stride.h;
    const Dim columns = std::min(w * g.stride.w + g.KW, g.IW + 2 * g.padding.w) - w * g.stride.w;
    divisor = g.count_include_pad ? rows * columns : (bottom - top) * (right - left);
  }
  Dim top, bottom, left, right, divisor;
};

/// Calls f(output element, first element of its input plane, window) for all outputs, in parallel over planes.
template <class F>
void for_each_window(const Pool2dGeometry& g, F&& f) {
  parallel_for(g.N * g.C, grain_for(g.OH * g.OW * g.KH * g.KW), [&](Dim begin, Dim end) {
    for (Dim plane = begin; plane < end; ++plane)
      for (Dim h = 0; h < g.OH; ++h)
        for (Dim w = 0; w < g.OW; ++w) f((plane * g.OH + h) * g.OW + w, plane * g.IH * g.IW, Window(g, h, w));
  });
}

Pool2dKernels::MaxResult max_forward(const Pool2dGeometry& g, const Tensor& x) {
  const Tensor in = x.plain();
  Pool2dKernels::MaxResult result{Tensor::empty({g.N, g.C, g.OH, g.OW}, x.dtype()),
                                  Tensor::empty({g.N, g.C, g.OH, g.OW}, DType::i64)};
  std::int64_t* places = result.places.mutable_data<std::int64_t>().data();
  dispatch(x.dtype(), [&]<class T>() {
    const T* px = in.data<T>().data();
    T* py = result.y.mutable_data<T>().data();
    for_each_window(g, [&](Dim out, Dim plane, const Window& window) {
      Dim best = plane + window.top * g.IW + window.left;
      for (Dim h = window.top; h < window.bottom; ++h)
        for (Dim w = window.left; w < window.right; ++w) {
          const Dim at = plane + h * g.IW + w;
          const auto value = static_cast<double>(px[at]);
          if (value > static_cast<double>(px[best]) ||
              (std::isnan(value) && !std::isnan(static_cast<double>(px[best]))))
            best = at;
        }
      py[out] = px[best];
      places[out] = best;
    });
  });
  return result;
}

Tensor max_backward(const Pool2dGeometry& g, const Tensor& dy, const Tensor& places) {
  const Tensor dout = dy.plain();
  Tensor dx = Tensor::zeros({g.N, g.C, g.IH, g.IW}, dy.dtype());
  const std::int64_t* at = places.data<std::int64_t>().data();
  dispatch(dy.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    const T* pdy = dout.data<T>().data();
    T* pdx = dx.mutable_data<T>().data();
    for_each_window(g, [&](Dim out, Dim, const Window&) {
      pdx[at[out]] = static_cast<T>(static_cast<C>(pdx[at[out]]) + static_cast<C>(pdy[out]));
    });
  });
  return dx;
}

Tensor avg_forward(const Pool2dGeometry& g, const Tensor& x) {
  const Tensor in = x.plain();
  Tensor y = Tensor::empty({g.N, g.C, g.OH, g.OW}, x.dtype());
  dispatch(x.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    const T* px = in.data<T>().data();
    T* py = y.mutable_data<T>().data();
    for_each_window(g, [&](Dim out, Dim plane, const Window& window) {
      C sum = 0;
      for (Dim h = window.top; h < window.bottom; ++h)
        for (Dim w = window.left; w < window.right; ++w) sum += static_cast<C>(px[plane + h * g.IW + w]);
      py[out] = static_cast<T>(sum / static_cast<C>(window.divisor));
    });
  });
  return y;
}

Tensor avg_backward(const Pool2dGeometry& g, const Tensor& dy) {
  const Tensor dout = dy.plain();
  // Overlapping windows add up: in the type sums are computed in, rounded once at the end.
  Tensor dx = Tensor::zeros({g.N, g.C, g.IH, g.IW}, dy.dtype() == DType::bf16 ? DType::f32 : dy.dtype());
  dispatch(dy.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    const T* pdy = dout.data<T>().data();
    C* pdx = dx.mutable_data<C>().data();
    for_each_window(g, [&](Dim out, Dim plane, const Window& window) {
      const C share = static_cast<C>(pdy[out]) / static_cast<C>(window.divisor);
      for (Dim h = window.top; h < window.bottom; ++h)
        for (Dim w = window.left; w < window.right; ++w) pdx[plane + h * g.IW + w] += share;
    });
  });
  return dx.as(dy.dtype());
}

}  // namespace

const Pool2dKernels pool2d{Backend::reference, supports, max_forward, max_backward, avg_forward, avg_backward};

}  // namespace fanin::reference
