#include "core/backends/onednn.h"
#include "core/ops/matmul/kernels.h"
#include "core/threads.h"

namespace fanin::onednn {

namespace {

struct Product {
  Desc a, b, y;
  Primitive primitive;
};

RecentlyUsed<Product>& products() {
  thread_local RecentlyUsed<Product> cache(256);
  return cache;
}

Product make_product(Dim M, Dim N, Dim K, bool transpose_a, bool transpose_b, DType dtype) {
  Product p{matrix(M, K, transpose_a, dtype), matrix(K, N, transpose_b, dtype), matrix(M, N, false, dtype), {}};
  const auto desc = describe_forward<dnnl::matmul>(p.a, p.b, p.y);
  p.primitive = Primitive(dnnl::matmul(desc), desc);
  return p;
}

Tensor run(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b) {
  const Dim M = a.dim(transpose_a ? 1 : 0);
  const Dim K = a.dim(transpose_a ? 0 : 1);
  const Dim N = b.dim(transpose_b ? 0 : 1);
  if (M == 0 || N == 0 || K == 0) return Tensor::zeros({M, N}, a.dtype());
  return translating(
      "matmul", [&] { return text("[", M, ", ", K, "] times [", K, ", ", N, "], ", a.dtype()); },
      [&] {
        const Product& p = products().get({M, N, K, transpose_a, transpose_b, static_cast<Dim>(a.dtype()), threads()},
                                          [&] { return make_product(M, N, K, transpose_a, transpose_b, a.dtype()); });
        Tensor y = Tensor::empty({M, N}, a.dtype());
        p.primitive.run(
            {{DNNL_ARG_SRC, input(p.a, a)}, {DNNL_ARG_WEIGHTS, input(p.b, b)}, {DNNL_ARG_DST, output(p.y, y)}});
        return y;
      });
}

}  // namespace

const MatmulKernel matmul{Backend::onednn, supports, run};

}  // namespace fanin::onednn
