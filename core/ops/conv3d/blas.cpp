#include "core/backends/blas.h"

#include <algorithm>

#include "core/ops/conv3d/kernels.h"
#include "core/threads.h"

// im2col + gemm, as in conv2d, but one slice of the output's depth at a time: the patches of a whole video would take
// hundreds of megabytes. Scratch is IC/G·KD·KH·KW·OH·OW elements a thread.

namespace fanin::blas {

namespace {

bool supports(const Conv3dGeometry&, DType dtype) { return dtype == DType::f32 || dtype == DType::f64; }

/// Calls f(row of patches, input row or −1, shift) for every (channel, tap, output row) of depth `d`; the rest is along
/// the row.
template <class F>
void for_each_row(const Conv3dGeometry& g, Dim d, F&& f) {
  Dim row = 0;
  for (Dim i = 0; i < g.C; ++i)
    for (Dim q = 0; q < g.kernel.d; ++q)
      for (Dim r = 0; r < g.kernel.h; ++r)
        for (Dim s = 0; s < g.kernel.w; ++s)
          for (Dim h = 0; h < g.out.h; ++h, ++row) {
            const Dim id = d * g.stride.d - g.padding.d + q * g.dilation.d;
            const Dim ih = h * g.stride.h - g.padding.h + r * g.dilation.h;
            const bool inside = id >= 0 && id < g.in.d && ih >= 0 && ih < g.in.h;
            f(row * g.out.w, inside ? ((i * g.in.d + id) * g.in.h + ih) * g.in.w : -1, s * g.dilation.w - g.padding.w);
          }
}

template <class T>
void gather_patches(const Conv3dGeometry& g, Dim d, const T* volumes, T* patches) {
  for_each_row(g, d, [&](Dim to, Dim from, Dim shift) {
    for (Dim w = 0; w < g.out.w; ++w) {
      const Dim iw = w * g.stride.w + shift;
      patches[to + w] = from >= 0 && iw >= 0 && iw < g.in.w ? volumes[from + iw] : T(0);
    }
  });
}

template <class T>
void scatter_patches(const Conv3dGeometry& g, Dim d, const T* patches, T* volumes) {
  for_each_row(g, d, [&](Dim from, Dim to, Dim shift) {
    if (to < 0) return;
    for (Dim w = 0; w < g.out.w; ++w) {
      const Dim iw = w * g.stride.w + shift;
      if (iw >= 0 && iw < g.in.w) volumes[to + iw] += patches[from + w];
    }
  });
}

template <class F>
void dispatch_blas(DType dtype, F&& f) {
  dtype == DType::f64 ? f.template operator()<double>() : f.template operator()<float>();
}

/// Sizes of the matrices of one group and one depth: weight [M, K], patches [K, P], output [M, P] in rows `out` apart.
struct Matrices {
  explicit Matrices(const Conv3dGeometry& g)
      : M(g.M), K(g.C * g.taps()), P(g.out.h * g.out.w), in(g.C * g.in_size()), out(g.out_size()) {}
  Dim M, K, P, in, out;
  std::size_t scratch() const { return static_cast<std::size_t>(K * P); }
};

Tensor forward(const Conv3dGeometry& g, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  Tensor y = Tensor::empty(g.output_shape(), x.dtype());
  const Matrices m(g);
  dispatch_blas(x.dtype(), [&]<class T>() {
    const T* px = x.data<T>().data();
    const T* pw = weight.data<T>().data();
    const T* pb = bias.defined() ? bias.data<T>().data() : nullptr;
    T* py = y.mutable_data<T>().data();
    parallel_for(g.N * g.out.d, grain_for(g.G * m.M * m.K * m.P), [&](Dim begin, Dim end) {
      std::vector<T> patches(m.scratch());
      for (Dim nd = begin; nd < end; ++nd)
        for (Dim group = 0; group < g.G; ++group) {
          const Dim ng = nd / g.out.d * g.G + group;
          const Dim d = nd % g.out.d;
          gather_patches(g, d, px + ng * m.in, patches.data());
          T* out = py + ng * m.M * m.out + d * m.P;
          for (Dim o = 0; o < m.M && pb != nullptr; ++o) std::fill_n(out + o * m.out, m.P, pb[group * m.M + o]);
          gemm(false, false, m.M, m.P, m.K, pw + group * m.M * m.K, m.K, patches.data(), m.P, T(pb != nullptr ? 1 : 0),
               out, m.out);
        }
    });
  });
  return y;
}

Tensor backward_input(const Conv3dGeometry& g, const Tensor& dy, const Tensor& weight) {
  Tensor dx = Tensor::zeros(g.input_shape(), dy.dtype());
  const Matrices m(g);
  dispatch_blas(dy.dtype(), [&]<class T>() {
    const T* pdy = dy.data<T>().data();
    const T* pw = weight.data<T>().data();
    T* pdx = dx.mutable_data<T>().data();
    parallel_for(g.N * g.G, grain_for(m.M * m.K * m.out), [&](Dim begin, Dim end) {
      std::vector<T> patches(m.scratch());
      for (Dim ng = begin; ng < end; ++ng)
        for (Dim d = 0; d < g.out.d; ++d) {
          gemm(true, false, m.K, m.P, m.M, pw + ng % g.G * m.M * m.K, m.K, pdy + ng * m.M * m.out + d * m.P, m.out,
               T(0), patches.data(), m.P);
          scatter_patches(g, d, patches.data(), pdx + ng * m.in);
        }
    });
  });
  return dx;
}

/// Threads take groups or, where there are fewer groups than threads, rows of dw: each element is summed by one thread
/// in the order of batch and depth.
Tensor backward_weight(const Conv3dGeometry& g, const Tensor& dy, const Tensor& x) {
  Tensor dw = Tensor::zeros(g.weight_shape(), x.dtype());
  const Matrices m(g);
  dispatch_blas(x.dtype(), [&]<class T>() {
    const T* pdy = dy.data<T>().data();
    const T* px = x.data<T>().data();
    T* pdw = dw.mutable_data<T>().data();
    const Dim slices = std::min(m.M, (threads() + g.G - 1) / g.G);  // of a group's output channels
    parallel_for(g.G * slices, grain_for(g.N * m.M / slices * m.K * m.out), [&](Dim begin, Dim end) {
      std::vector<T> patches(m.scratch());
      for (Dim part = begin; part < end; ++part) {
        const Dim group = part / slices;
        const Dim first = m.M * (part % slices) / slices;
        const Dim rows = m.M * (part % slices + 1) / slices - first;
        for (Dim nd = 0; nd < g.N * g.out.d; ++nd) {
          const Dim ng = nd / g.out.d * g.G + group;
          const Dim d = nd % g.out.d;
          gather_patches(g, d, px + ng * m.in, patches.data());
          gemm(false, true, rows, m.K, m.P, pdy + (ng * m.M + first) * m.out + d * m.P, m.out, patches.data(), m.P,
               T(1), pdw + (group * m.M + first) * m.K, m.K);
        }
      }
    });
  });
  return dw;
}

}  // namespace

const Conv3dKernels conv3d{Backend::blas, supports, forward, backward_input, backward_weight};

}  // namespace fanin::blas
