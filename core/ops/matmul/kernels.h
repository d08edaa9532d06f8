#pragma once

#include <array>
#include <string_view>

#include "core/backend.h"
#include "core/tensor.h"

namespace fanin {

/// op(a) · op(b) for plain matrices, not recorded; op transposes where told. Sums in f32 where the matrices are bf16.
struct MatmulKernel {
  using Run = Tensor (*)(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b);
  Backend backend;
  bool (*supports)(DType);
  Run run;
};

namespace reference {
extern const MatmulKernel matmul;  // plain loops: the specification
}
namespace blas {
extern const MatmulKernel matmul;  // gemm; f32 and f64
}
namespace onednn {
extern const MatmulKernel matmul;  // f32 and bf16
}

/// kernel.run(), under a VerifyScope beside the reference, for operator `op`; `result` as in KernelResult.
Tensor run(const MatmulKernel& kernel, std::string_view op, const char* result, const Tensor& a, bool transpose_a,
           const Tensor& b, bool transpose_b);

/// Fastest first; the last one accepts everything. linear() takes its products from here too.
inline constexpr std::array matmul_kernels{&onednn::matmul, &blas::matmul, &reference::matmul};

}  // namespace fanin
