#include "core/ops/reshape.h"

#include "core/ops/cast.h"
#include "tests/core/ops/expect.h"

using namespace fanin;

TEST_CASE("reshape works out the size that is left, and shares the bytes") {
  const Tensor x = leaf({1, 2, 3, 4, 5, 6}, {2, 3});
  const Tensor y = reshape(x, {3, -1});
  expect(y, {3, 2}, {1, 2, 3, 4, 5, 6});
  CHECK(y.storage() == x.storage());
  CHECK(reshape(x, {-1}).shape() == Shape{6});
  CHECK(flatten(Tensor::zeros({2, 3, 4})).shape() == Shape{2, 12});
  CHECK(flatten(Tensor::zeros({2, 3, 4}), -2).shape() == Shape{2, 12});
  CHECK(flatten(Tensor::zeros({2, 3, 4}), 0).shape() == Shape{24});
  CHECK(flatten(Tensor::zeros({0, 3, 4})).shape() == Shape{0, 12});
}

TEST_CASE("reshape puts blocked elements into row-major order") {
  const Tensor x = leaf({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {2, 3, 1, 2});
  expect(reshape(x.to({8}), {-1}), {12}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
}

TEST_CASE("cast rounds, and delivers the gradient in the dtype of its input") {
  Tensor x = Tensor::from(std::vector<float>{1.00390625F, -3}, {2});
  x.requires_grad_();
  const Tensor y = cast(x, DType::bf16);
  CHECK(y.dtype() == DType::bf16);
  expect(y, {2}, {1, -3});
  backward(y, Tensor::full({2}, 2, DType::bf16));
  CHECK(x.grad().dtype() == DType::f32);
  expect(x.grad(), {2}, {2, 2});
  expect(cast(Tensor::full({2}, 255, DType::u8), DType::f32), {2}, {255, 255});
}
