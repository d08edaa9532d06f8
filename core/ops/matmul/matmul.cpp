#include "core/ops/matmul/matmul.h"

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/ops/cast.h"
#include "core/ops/matmul/kernels.h"
#include "core/verify.h"

namespace fanin {

Tensor run(const MatmulKernel& kernel, std::string_view op, const char* result, const Tensor& a, bool transpose_a,
           const Tensor& b, bool transpose_b) {
  return verified(
      op, {&a, &b}, kernel, reference::matmul,
      [&](const MatmulKernel& k) { return k.run(a, transpose_a, b, transpose_b); }, result);
}

Tensor matmul(const Tensor& a, const Tensor& b) {
  if (wants_bf16(a, b)) return matmul(cast(a, DType::bf16), cast(b, DType::bf16));
  check(a.defined() && b.defined() && a.rank() == 2 && b.rank() == 2 && a.dim(1) == b.dim(0),
        "matmul: [M, K] times [K, N] expected, got ", a.shape(), " times ", b.shape());
  check<DTypeError>(is_floating(a.dtype()) && a.dtype() == b.dtype(), "matmul: dtypes ", a.dtype(), " and ", b.dtype(),
                    "; both must be the same floating dtype");
  const MatmulKernel& kernel = choose(matmul_kernels, a.dtype());
  const Tensor p = a.plain();
  const Tensor q = b.plain();
  return record({"matmul", {}, name_of(kernel.backend)}, run(kernel, "matmul", "output", p, false, q, false), {a, b},
                [&kernel, sa = Saved(p), sb = Saved(q)](const Tensor& dy, Needs needs) -> Tensors {
                  const Tensor d = dy.plain();
                  return {needs[0] ? run(kernel, "matmul", "gradient of input 0", d, false, sb.get(), true) : Tensor(),
                          needs[1] ? run(kernel, "matmul", "gradient of input 1", sa.get(), true, d, false) : Tensor()};
                });
}

OpInfo matmul_info() {
  const auto call = [](const Tensors& in) { return matmul(in[0], in[1]); };
  return {.name = "matmul",
          .samples = {{"small", {{3, 4}, {4, 5}}, call},
                      {"row times column", {{1, 7}, {7, 1}}, call},
                      {"33 by 17 by 21", {{33, 17}, {17, 21}}, call},
                      {"nothing to sum", {{2, 0}, {0, 3}}, call},
                      {"empty", {{0, 4}, {4, 5}}, call}},
          .rejects = {{"inner",
                       [] {
                         matmul(Tensor::zeros({2, 3}), Tensor::zeros({4, 5}));
                       },
                       "[2, 3] times [4, 5]"},
                      {"dtype",
                       [] {
                         matmul(Tensor::zeros({2, 3}), Tensor::zeros({3, 5}, DType::f64));
                       },
                       "f64"}}};
}

}  // namespace fanin
