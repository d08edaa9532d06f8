#include <algorithm>

#include "core/ops/conv3d/kernels.h"
#include "core/threads.h"

// The definition as loops: every output is the sum its formula names, in the order i, q, r, s. Slow and plain on
// purpose.

namespace fanin::reference {

namespace {

bool supports(const Conv3dGeometry&, DType) { return true; }

/// Calls f(pixel, tap, at): output pixel, kernel tap and input element, for all that meet inside the input.
template <class F>
void for_each_tap(const Conv3dGeometry& g, Dim d, Dim h, Dim w, F&& f) {
  for (Dim q = 0; q < g.kernel.d; ++q) {
    const Dim id = d * g.stride.d - g.padding.d + q * g.dilation.d;
    if (id < 0 || id >= g.in.d) continue;
    for (Dim r = 0; r < g.kernel.h; ++r) {
      const Dim ih = h * g.stride.h - g.padding.h + r * g.dilation.h;
      if (ih < 0 || ih >= g.in.h) continue;
      for (Dim s = 0; s < g.kernel.w; ++s) {
        const Dim iw = w * g.stride.w - g.padding.w + s * g.dilation.w;
        if (iw >= 0 && iw < g.in.w) f((q * g.kernel.h + r) * g.kernel.w + s, (id * g.in.h + ih) * g.in.w + iw);
      }
    }
  }
}

/// Calls f(pixel, tap, at) for every output pixel.
template <class F>
void for_each_pixel(const Conv3dGeometry& g, F&& f) {
  Dim pixel = 0;
  for (Dim d = 0; d < g.out.d; ++d)
    for (Dim h = 0; h < g.out.h; ++h)
      for (Dim w = 0; w < g.out.w; ++w, ++pixel) for_each_tap(g, d, h, w, [&](Dim tap, Dim at) { f(pixel, tap, at); });
}

Tensor forward(const Conv3dGeometry& g, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  Tensor y = Tensor::empty(g.output_shape(), x.dtype());
  dispatch(x.dtype(), [&]<class T>() {
    using A = compute_t<T>;
    const T* px = x.data<T>().data();
    const T* pw = weight.data<T>().data();
    T* py = y.mutable_data<T>().data();
    const A* pb = bias.defined() ? bias.data<A>().data() : nullptr;
    const Dim OC = g.G * g.M;
    parallel_for(g.N * OC, grain_for(g.C * g.taps() * g.out_size()), [&](Dim begin, Dim end) {
      std::vector<A> sums(static_cast<std::size_t>(g.out_size()));
      for (Dim no = begin; no < end; ++no) {
        const Dim o = no % OC;
        std::ranges::fill(sums, pb != nullptr ? pb[o] : A(0));
        for (Dim i = 0; i < g.C; ++i) {
          const T* volume = px + ((no / OC * g.G + o / g.M) * g.C + i) * g.in_size();
          const T* kernel = pw + (o * g.C + i) * g.taps();
          for_each_pixel(g, [&](Dim pixel, Dim tap, Dim at) {
            sums[static_cast<std::size_t>(pixel)] += static_cast<A>(volume[at]) * static_cast<A>(kernel[tap]);
          });
        }
        std::ranges::transform(sums, py + no * g.out_size(), [](A v) { return static_cast<T>(v); });
      }
    });
  });
  return y;
}

Tensor backward_input(const Conv3dGeometry& g, const Tensor& dy, const Tensor& weight) {
  Tensor dx = Tensor::empty(g.input_shape(), dy.dtype());
  dispatch(dy.dtype(), [&]<class T>() {
    using A = compute_t<T>;
    const T* pdy = dy.data<T>().data();
    const T* pw = weight.data<T>().data();
    T* pdx = dx.mutable_data<T>().data();
    const Dim IC = g.G * g.C;
    parallel_for(g.N * IC, grain_for(g.M * g.taps() * g.out_size()), [&](Dim begin, Dim end) {
      std::vector<A> volume(static_cast<std::size_t>(g.in_size()));
      for (Dim nc = begin; nc < end; ++nc) {
        const Dim c = nc % IC;
        std::ranges::fill(volume, A(0));
        for (Dim o = c / g.C * g.M; o < (c / g.C + 1) * g.M; ++o) {
          const T* from = pdy + (nc / IC * g.G * g.M + o) * g.out_size();
          const T* kernel = pw + (o * g.C + c % g.C) * g.taps();
          for_each_pixel(g, [&](Dim pixel, Dim tap, Dim at) {
            volume[static_cast<std::size_t>(at)] += static_cast<A>(from[pixel]) * static_cast<A>(kernel[tap]);
          });
        }
        std::ranges::transform(volume, pdx + nc * g.in_size(), [](A v) { return static_cast<T>(v); });
      }
    });
  });
  return dx;
}

Tensor backward_weight(const Conv3dGeometry& g, const Tensor& dy, const Tensor& x) {
  Tensor dw = Tensor::empty(g.weight_shape(), x.dtype());
  dispatch(x.dtype(), [&]<class T>() {
    using A = compute_t<T>;
    const T* pdy = dy.data<T>().data();
    const T* px = x.data<T>().data();
    T* pdw = dw.mutable_data<T>().data();
    parallel_for(g.G * g.M * g.C, grain_for(g.N * g.taps() * g.out_size()), [&](Dim begin, Dim end) {
      std::vector<A> taps(static_cast<std::size_t>(g.taps()));
      for (Dim oi = begin; oi < end; ++oi) {
        const Dim o = oi / g.C;
        std::ranges::fill(taps, A(0));
        for (Dim n = 0; n < g.N; ++n) {
          const T* from = pdy + (n * g.G * g.M + o) * g.out_size();
          const T* volume = px + ((n * g.G + o / g.M) * g.C + oi % g.C) * g.in_size();
          for_each_pixel(g, [&](Dim pixel, Dim tap, Dim at) {
            taps[static_cast<std::size_t>(tap)] += static_cast<A>(from[pixel]) * static_cast<A>(volume[at]);
          });
        }
        std::ranges::transform(taps, pdw + oi * g.taps(), [](A v) { return static_cast<T>(v); });
      }
    });
  });
  return dw;
}

}  // namespace

const Conv3dKernels conv3d{Backend::reference, supports, forward, backward_input, backward_weight};

}  // namespace fanin::reference
