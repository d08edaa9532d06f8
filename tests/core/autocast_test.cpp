#include "core/autocast.h"

#include <doctest/doctest.h>

#include "core/autograd.h"
#include "core/ops/conv2d/conv2d.h"
#include "core/ops/linear.h"
#include "core/ops/matmul/matmul.h"

using namespace fanin;

TEST_CASE("within Autocast products are bf16, while parameters and their gradients stay f32") {
  const Tensor x = Tensor::full({2, 4, 5, 5}, 0.3);
  const Tensor w = Tensor::full({6, 4, 3, 3}, 0.7).requires_grad_();
  Tensor y;
  {
    const Autocast scope;
    y = conv2d(x, w);
    CHECK(linear(Tensor::full({2, 3}, 1), Tensor::full({4, 3}, 1)).dtype() == DType::bf16);
    CHECK(matmul(Tensor::full({2, 3}, 1), Tensor::full({3, 4}, 1, DType::bf16)).dtype() == DType::bf16);
  }
  CHECK(y.dtype() == DType::bf16);
  CHECK(y.values().front() == doctest::Approx(4 * 9 * 0.3 * 0.7).epsilon(1e-2));
  backward(y, Tensor::full(y.shape(), 1, DType::bf16));
  CHECK(w.grad().dtype() == DType::f32);
  CHECK(w.grad().values().front() == doctest::Approx(2 * 9 * 0.3).epsilon(1e-2));
}

TEST_CASE("Autocast ends with its scope, can be switched off within, and leaves f64 alone") {
  const auto dtype = [](DType of) { return matmul(Tensor::full({2, 3}, 1, of), Tensor::full({3, 4}, 1, of)).dtype(); };
  {
    const Autocast scope;
    CHECK(dtype(DType::f32) == DType::bf16);
    CHECK(dtype(DType::f64) == DType::f64);
    const Autocast off(false);
    CHECK(dtype(DType::f32) == DType::f32);
  }
  CHECK(dtype(DType::f32) == DType::f32);
  CHECK_FALSE(autocast_enabled());
}
