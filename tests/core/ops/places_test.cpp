#include <doctest/doctest.h>

#include <numeric>

#include "core/ops/cat.h"
#include "core/ops/pad.h"
#include "core/ops/permute.h"
#include "core/ops/slice.h"
#include "tests/core/ops/expect.h"

using namespace fanin;

namespace {

Tensor range(const Shape& shape) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  std::iota(values.begin(), values.end(), 0);
  return leaf(values, shape);
}

}  // namespace

// x = torch.arange(12.).reshape(2, 3, 2); x.permute(2, 0, 1)
TEST_CASE("permute reorders as PyTorch does, and its gradient goes back") {
  const Tensor x = range({2, 3, 2});
  const Tensor y = permute(x, {2, 0, 1});
  expect(y, {2, 2, 3}, {0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11});
  backward(y, range({2, 2, 3}));
  expect(x.grad(), {2, 3, 2}, {0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11});
  expect(permute(range({1, 3, 1, 2}).to({8}), {0, 2, 3, 1}), {1, 1, 2, 3}, {0, 2, 4, 1, 3, 5});
}

TEST_CASE("a large permute, split between threads, loses no row") {
  const Dim A = 7, B = 300, C = 33;
  const Tensor y = permute(range({A, B, C}), {1, 2, 0});
  const auto values = y.data<double>();
  bool same = true;
  for (Dim b = 0; b < B; ++b)
    for (Dim c = 0; c < C; ++c)
      for (Dim a = 0; a < A; ++a)
        same =
            same && values[static_cast<std::size_t>((b * C + c) * A + a)] == static_cast<double>((a * B + b) * C + c);
  CHECK(same);
}

// torch.cat([torch.arange(4.).reshape(2, 2), torch.arange(2.).reshape(2, 1)], 1)
TEST_CASE("cat joins, and hands every input its part of the gradient") {
  const Tensor a = range({2, 2});
  const Tensor b = range({2, 1});
  const Tensor y = cat({a, b}, 1);
  expect(y, {2, 3}, {0, 1, 0, 2, 3, 1});
  backward(y, range({2, 3}));
  expect(a.grad(), {2, 2}, {0, 1, 3, 4});
  expect(b.grad(), {2, 1}, {2, 5});
  expect(cat({a, a}, 0), {4, 2}, {0, 1, 2, 3, 0, 1, 2, 3});
}

// x = torch.arange(12.).reshape(3, 4); x[1:, ::2], x[:-1, -3:100], x[2:1]
TEST_CASE("slice counts as Python does") {
  const Tensor x = range({3, 4});
  const Tensor y = slice(x, {{1}, {.step = 2}});
  expect(y, {2, 2}, {4, 6, 8, 10});
  backward(y, range({2, 2}));
  expect(x.grad(), {3, 4}, {0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 3, 0});
  expect(slice(x, {{0, -1}, {-3, 100}}), {2, 3}, {1, 2, 3, 5, 6, 7});
  expect(slice(x, {{2, 1}}), {0, 4}, {});
  expect(slice(x, {{-100, 1, 5}}), {1, 4}, {0, 1, 2, 3});
}

// F.pad(torch.arange(4.).reshape(2, 2), (1, 0, 0, 2), value=9)
TEST_CASE("pad takes PyTorch's order, the last dimension first") {
  const Tensor x = range({2, 2});
  const Tensor y = pad(x, {1, 0, 0, 2}, 9);
  expect(y, {4, 3}, {9, 0, 1, 9, 2, 3, 9, 9, 9, 9, 9, 9});
  backward(y, range({4, 3}));
  expect(x.grad(), {2, 2}, {1, 2, 4, 5});
}
