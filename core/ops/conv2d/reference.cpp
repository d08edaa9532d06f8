#include <algorithm>

#include "core/ops/conv2d/kernels.h"
#include "core/threads.h"

// The definition as loops: every output is the sum its formula names, in the order i, r, s. Slow and plain on purpose.

namespace fanin::reference {

namespace {

bool supports(const Conv2dGeometry&, DType) { return true; }

/// Calls f(tap, at) for every kernel tap of output pixel (h, w) that falls inside the input plane, at its element `at`.
template <class F>
void for_each_tap(const Conv2dGeometry& g, Dim h, Dim w, F&& f) {
  for (Dim r = 0; r < g.KH; ++r) {
    const Dim ih = h * g.stride.h - g.padding.h + r * g.dilation.h;
    if (ih < 0 || ih >= g.IH) continue;
    for (Dim s = 0; s < g.KW; ++s) {
      const Dim iw = w * g.stride.w - g.padding.w + s * g.dilation.w;
      if (iw >= 0 && iw < g.IW) f(r * g.KW + s, ih * g.IW + iw);
    }
  }
}

Tensor forward(const Conv2dGeometry& g, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Tensor in = x.plain();
  const Tensor kernels = weight.as(x.dtype());
  const Tensor b = bias.defined() ? bias.as(x.dtype() == DType::f64 ? DType::f64 : DType::f32) : Tensor();
  Tensor y = Tensor::empty({g.N, g.OC, g.OH, g.OW}, x.dtype());
  dispatch(x.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    const T* px = in.data<T>().data();
    const T* pw = kernels.data<T>().data();
    T* py = y.mutable_data<T>().data();
    const C* pb = b.defined() ? b.data<C>().data() : nullptr;
    const Dim ICG = g.IC / g.G;
    parallel_for(g.N * g.OC, grain_for(ICG * g.KH * g.KW * g.OH * g.OW), [&](Dim begin, Dim end) {
      for (Dim no = begin; no < end; ++no) {
        const Dim o = no % g.OC;
        const T* plane = px + (no / g.OC * g.IC + o / (g.OC / g.G) * ICG) * g.IH * g.IW;
        const T* kernel = pw + o * ICG * g.KH * g.KW;
        for (Dim h = 0; h < g.OH; ++h)
          for (Dim w = 0; w < g.OW; ++w) {
            C sum = pb != nullptr ? pb[o] : C(0);
            for (Dim i = 0; i < ICG; ++i)
              for_each_tap(g, h, w, [&](Dim tap, Dim at) {
                sum += static_cast<C>(plane[i * g.IH * g.IW + at]) * static_cast<C>(kernel[i * g.KH * g.KW + tap]);
              });
            py[(no * g.OH + h) * g.OW + w] = static_cast<T>(sum);
          }
      }
    });
  });
  return y;
}

Tensor backward_input(const Conv2dGeometry& g, const Tensor& dy, const Tensor& weight) {
  const Tensor dout = dy.plain();
  const Tensor kernels = weight.as(dy.dtype());
  Tensor dx = Tensor::empty({g.N, g.IC, g.IH, g.IW}, dy.dtype());
  dispatch(dy.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    const T* pdy = dout.data<T>().data();
    const T* pw = kernels.data<T>().data();
    T* pdx = dx.mutable_data<T>().data();
    const Dim ICG = g.IC / g.G;
    const Dim OCG = g.OC / g.G;
    parallel_for(g.N * g.IC, grain_for(OCG * g.KH * g.KW * g.OH * g.OW), [&](Dim begin, Dim end) {
      std::vector<C> plane(static_cast<std::size_t>(g.IH * g.IW));
      for (Dim nc = begin; nc < end; ++nc) {
        const Dim c = nc % g.IC;
        std::ranges::fill(plane, C(0));
        for (Dim o = c / ICG * OCG; o < (c / ICG + 1) * OCG; ++o) {
          const T* from = pdy + (nc / g.IC * g.OC + o) * g.OH * g.OW;
          const T* kernel = pw + (o * ICG + c % ICG) * g.KH * g.KW;
          for (Dim h = 0; h < g.OH; ++h)
            for (Dim w = 0; w < g.OW; ++w)
              for_each_tap(g, h, w, [&](Dim tap, Dim at) {
                plane[static_cast<std::size_t>(at)] += static_cast<C>(from[h * g.OW + w]) * static_cast<C>(kernel[tap]);
              });
        }
        std::ranges::transform(plane, pdx + nc * g.IH * g.IW, [](C v) { return static_cast<T>(v); });
      }
    });
  });
  return dx;
}

Tensor backward_weight(const Conv2dGeometry& g, const Tensor& dy, const Tensor& x) {
  const Tensor dout = dy.plain();
  const Tensor in = x.plain();
  const Dim ICG = g.IC / g.G;
  Tensor dw = Tensor::empty({g.OC, ICG, g.KH, g.KW}, x.dtype() == DType::f64 ? DType::f64 : DType::f32);
  dispatch(x.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    const T* pdy = dout.data<T>().data();
    const T* px = in.data<T>().data();
    C* pdw = dw.mutable_data<C>().data();
    parallel_for(g.OC * ICG, grain_for(g.N * g.KH * g.KW * g.OH * g.OW), [&](Dim begin, Dim end) {
      std::vector<C> taps(static_cast<std::size_t>(g.KH * g.KW));
      for (Dim oi = begin; oi < end; ++oi) {
        const Dim o = oi / ICG;
        const Dim c = o / (g.OC / g.G) * ICG + oi % ICG;
        std::ranges::fill(taps, C(0));
        for (Dim n = 0; n < g.N; ++n) {
          const T* from = pdy + (n * g.OC + o) * g.OH * g.OW;
          const T* plane = px + (n * g.IC + c) * g.IH * g.IW;
          for (Dim h = 0; h < g.OH; ++h)
            for (Dim w = 0; w < g.OW; ++w)
              for_each_tap(g, h, w, [&](Dim tap, Dim at) {
                taps[static_cast<std::size_t>(tap)] += static_cast<C>(from[h * g.OW + w]) * static_cast<C>(plane[at]);
              });
        }
        std::ranges::copy(taps, pdw + oi * g.KH * g.KW);
      }
    });
  });
  return dw;
}

}  // namespace

const Conv2dKernels conv2d{Backend::reference, supports, plain_layout, forward, backward_input, backward_weight};

}  // namespace fanin::reference
