#include "core/ops/matmul/kernels.h"
#include "core/threads.h"

// The definition as loops: each element is the sum its formula names, in the order of k.

namespace fanin::reference {

namespace {

bool supports(DType) { return true; }

Tensor run(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b) {
  const Dim M = a.dim(transpose_a ? 1 : 0);
  const Dim K = a.dim(transpose_a ? 0 : 1);
  const Dim N = b.dim(transpose_b ? 0 : 1);
  Tensor y = Tensor::empty({M, N}, a.dtype());
  dispatch(a.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    const T* pa = a.data<T>().data();
    const T* pb = b.data<T>().data();
    T* py = y.mutable_data<T>().data();
    parallel_for(M, grain_for(N * K), [&](Dim begin, Dim end) {
      for (Dim m = begin; m < end; ++m)
        for (Dim n = 0; n < N; ++n) {
          C sum = 0;
          for (Dim k = 0; k < K; ++k)
            sum += static_cast<C>(pa[transpose_a ? k * M + m : m * K + k]) *
                   static_cast<C>(pb[transpose_b ? n * K + k : k * N + n]);
          py[m * N + n] = static_cast<T>(sum);
        }
    });
  });
  return y;
}

}  // namespace

const MatmulKernel matmul{Backend::reference, supports, run};

}  // namespace fanin::reference
