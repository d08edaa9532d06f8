#include "core/backends/blas.h"

#include "core/ops/matmul/kernels.h"
#include "core/threads.h"

// One gemm a thread, over rows of the result.

namespace fanin::blas {

namespace {

bool supports(DType dtype) { return dtype == DType::f32 || dtype == DType::f64; }

template <class T>
Tensor run_as(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b) {
  const Dim M = a.dim(transpose_a ? 1 : 0);
  const Dim K = a.dim(transpose_a ? 0 : 1);
  const Dim N = b.dim(transpose_b ? 0 : 1);
  if (K == 0) return Tensor::zeros({M, N}, a.dtype());
  Tensor y = Tensor::empty({M, N}, a.dtype());
  if (y.numel() == 0) return y;
  const T* pa = a.data<T>().data();
  const T* pb = b.data<T>().data();
  T* py = y.mutable_data<T>().data();
  parallel_for(M, grain_for(N * K), [&](Dim begin, Dim end) {
    gemm(transpose_a, transpose_b, end - begin, N, K, pa + (transpose_a ? begin : begin * K), transpose_a ? M : K, pb,
         transpose_b ? K : N, T(0), py + begin * N, N);
  });
  return y;
}

Tensor run(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b) {
  return a.dtype() == DType::f64 ? run_as<double>(a, transpose_a, b, transpose_b)
                                 : run_as<float>(a, transpose_a, b, transpose_b);
}

}  // namespace

const MatmulKernel matmul{Backend::blas, supports, run};

}  // namespace fanin::blas
