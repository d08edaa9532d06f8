#include "core/backends/blas.h"

#include <algorithm>

#include "core/ops/conv2d/kernels.h"
#include "core/threads.h"

// im2col + gemm: an image's patches become the columns of a matrix, so that each group is one matrix product. Costs
// IC/G·KH·KW·OH·OW elements of scratch a thread. Images are dealt out to threads; each gemm runs on one.

namespace fanin::blas {

namespace {

bool supports(const Conv2dGeometry&, DType dtype) { return dtype == DType::f32 || dtype == DType::f64; }

/// Whether the patches of a group are its input planes themselves.
bool is_pointwise(const Conv2dGeometry& g) {
  return g.KH == 1 && g.KW == 1 && g.stride == Size2(1) && g.padding == Size2(0);
}

/// Calls f(row of patches, input row or −1) for every (channel, tap, output row); the rest is along the row.
template <class F>
void for_each_row(const Conv2dGeometry& g, F&& f) {
  for (Dim i = 0; i < g.IC / g.G; ++i)
    for (Dim r = 0; r < g.KH; ++r)
      for (Dim s = 0; s < g.KW; ++s)
        for (Dim h = 0; h < g.OH; ++h) {
          const Dim ih = h * g.stride.h - g.padding.h + r * g.dilation.h;
          f((((i * g.KH + r) * g.KW + s) * g.OH + h) * g.OW, ih >= 0 && ih < g.IH ? (i * g.IH + ih) * g.IW : -1,
            s * g.dilation.w - g.padding.w);
        }
}

template <class T>
void gather_patches(const Conv2dGeometry& g, const T* planes, T* patches) {
  for_each_row(g, [&](Dim to, Dim from, Dim shift) {
    for (Dim w = 0; w < g.OW; ++w) {
      const Dim iw = w * g.stride.w + shift;
      patches[to + w] = from >= 0 && iw >= 0 && iw < g.IW ? planes[from + iw] : T(0);
    }
  });
}

template <class T>
void scatter_patches(const Conv2dGeometry& g, const T* patches, T* planes) {
  std::fill_n(planes, g.IC / g.G * g.IH * g.IW, T(0));
  for_each_row(g, [&](Dim from, Dim to, Dim shift) {
    if (to < 0) return;
    for (Dim w = 0; w < g.OW; ++w) {
      const Dim iw = w * g.stride.w + shift;
      if (iw >= 0 && iw < g.IW) planes[to + iw] += patches[from + w];
    }
  });
}

template <class F>
void dispatch_blas(DType dtype, F&& f) {
  dtype == DType::f64 ? f.template operator()<double>() : f.template operator()<float>();
}

/// Sizes of one group's matrices.
struct Matrices {
  explicit Matrices(const Conv2dGeometry& g)
      : M(g.OC / g.G), K(g.IC / g.G * g.KH * g.KW), P(g.OH * g.OW), in(g.IC / g.G * g.IH * g.IW) {}
  Dim M, K, P, in;
};

Tensor forward(const Conv2dGeometry& g, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Tensor input = x.plain();
  Tensor y = Tensor::empty({g.N, g.OC, g.OH, g.OW}, x.dtype());
  const Matrices m(g);
  dispatch_blas(x.dtype(), [&]<class T>() {
    const T* px = input.data<T>().data();
    const T* pw = weight.data<T>().data();
    const T* pb = bias.defined() ? bias.data<T>().data() : nullptr;
    T* py = y.mutable_data<T>().data();
    parallel_for(g.N, grain_for(g.G * m.M * m.K * m.P), [&](Dim begin, Dim end) {
      std::vector<T> patches(is_pointwise(g) ? 0 : static_cast<std::size_t>(m.K * m.P));
      for (Dim ng = begin * g.G; ng < end * g.G; ++ng) {
        const T* planes = px + ng * m.in;
        if (!is_pointwise(g)) gather_patches(g, planes, patches.data());
        T* out = py + ng * m.M * m.P;
        for (Dim o = 0; o < m.M && pb != nullptr; ++o) std::fill_n(out + o * m.P, m.P, pb[ng % g.G * m.M + o]);
        gemm(false, false, m.M, m.P, m.K, pw + ng % g.G * m.M * m.K, m.K, is_pointwise(g) ? planes : patches.data(),
             m.P, T(pb != nullptr ? 1 : 0), out, m.P);
      }
    });
  });
  return y;
}

Tensor backward_input(const Conv2dGeometry& g, const Tensor& dy, const Tensor& weight) {
  const Tensor dout = dy.plain();
  Tensor dx = Tensor::empty({g.N, g.IC, g.IH, g.IW}, dy.dtype());
  const Matrices m(g);
  dispatch_blas(dy.dtype(), [&]<class T>() {
    const T* pdy = dout.data<T>().data();
    const T* pw = weight.data<T>().data();
    T* pdx = dx.mutable_data<T>().data();
    parallel_for(g.N, grain_for(g.G * m.M * m.K * m.P), [&](Dim begin, Dim end) {
      std::vector<T> patches(is_pointwise(g) ? 0 : static_cast<std::size_t>(m.K * m.P));
      for (Dim ng = begin * g.G; ng < end * g.G; ++ng) {
        T* planes = pdx + ng * m.in;
        gemm(true, false, m.K, m.P, m.M, pw + ng % g.G * m.M * m.K, m.K, pdy + ng * m.M * m.P, m.P, T(0),
             is_pointwise(g) ? planes : patches.data(), m.P);
        if (!is_pointwise(g)) scatter_patches(g, patches.data(), planes);
      }
    });
  });
  return dx;
}

/// Threads take groups and sum over the batch in order, or, where there are fewer groups than threads, rows of dw:
/// either way each element is summed by one thread in the order of the batch.
Tensor backward_weight(const Conv2dGeometry& g, const Tensor& dy, const Tensor& x) {
  const Tensor dout = dy.plain();
  const Tensor input = x.plain();
  Tensor dw = Tensor::zeros({g.OC, g.IC / g.G, g.KH, g.KW}, x.dtype());
  const Matrices m(g);
  dispatch_blas(x.dtype(), [&]<class T>() {
    const T* pdy = dout.data<T>().data();
    const T* px = input.data<T>().data();
    T* pdw = dw.mutable_data<T>().data();
    const Dim slices = std::min(m.M, (threads() + g.G - 1) / g.G);  // of a group's output channels
    parallel_for(g.G * slices, grain_for(g.N * m.M / slices * m.K * m.P), [&](Dim begin, Dim end) {
      std::vector<T> patches(is_pointwise(g) ? 0 : static_cast<std::size_t>(m.K * m.P));
      for (Dim part = begin; part < end; ++part) {
        const Dim group = part / slices;
        const Dim first = m.M * (part % slices) / slices;
        const Dim rows = m.M * (part % slices + 1) / slices - first;
        for (Dim n = 0; n < g.N; ++n) {
          const T* planes = px + (n * g.G + group) * m.in;
          if (!is_pointwise(g)) gather_patches(g, planes, patches.data());
          gemm(false, true, rows, m.K, m.P, pdy + ((n * g.G + group) * m.M + first) * m.P, m.P,
               is_pointwise(g) ? planes : patches.data(), m.P, T(1), pdw + (group * m.M + first) * m.K, m.K);
        }
      }
    });
  });
  return dw;
}

}  // namespace

const Conv2dKernels conv2d{Backend::blas, supports, plain_layout, forward, backward_input, backward_weight};

}  // namespace fanin::blas
