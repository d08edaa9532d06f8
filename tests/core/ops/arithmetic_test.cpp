#include "core/ops/arithmetic.h"

#include <cmath>

#include "core/ops/broadcast.h"
#include "core/ops/cast.h"
#include "core/ops/mse_loss.h"
#include "core/ops/unary.h"
#include "core/storage.h"
#include "tests/core/ops/expect.h"

using namespace fanin;

namespace {

void check_known(Tensor (*op)(const Tensor&, const Tensor&), const std::vector<double>& y_values,
                 const std::vector<double>& da, const std::vector<double>& db) {
  const Tensor a = leaf({1, 2, 3, 4, 5, 6}, {2, 3});
  const Tensor b = leaf({2, -4}, {2, 1});
  const Tensor y = op(a, b);
  expect(y, {2, 3}, y_values);
  backward(y, Tensor::from(std::vector<double>{1, 0, 2, 3, -1, 1}, {2, 3}));
  expect(a.grad(), {2, 3}, da);
  expect(b.grad(), {2, 1}, db);
}

}  // namespace

// a = torch.tensor([[1., 2, 3], [4, 5, 6]]); b = torch.tensor([[2.], [-4]]);
// (f(a, b) * torch.tensor([[1., 0, 2], [3, -1, 1]])).sum().backward()
TEST_CASE("sub, mul and div have PyTorch's values and gradients, summed over repeated dimensions") {
  check_known(sub, {-1, 0, 1, 8, 9, 10}, {1, 0, 2, 3, -1, 1}, {-3, -3});
  check_known(mul, {2, 4, 6, -16, -20, -24}, {2, 0, 4, -12, 4, -4}, {7, 13});
  check_known(div, {0.5, 1, 1.5, -1, -1.25, -1.5}, {0.5, 0, 1, -0.75, 0.25, -0.25}, {-1.75, -0.8125});
}

TEST_CASE("arithmetic with numbers keeps dtype and gradient") {
  const Tensor x = leaf({1, 2, -4}, {3});
  const Tensor y = 1 - (2 * x + 3 - x * 0.5) / 2 + 4 / x;
  expect(y, {3}, {1 - 4.5 / 2 + 4, 1 - 6.0 / 2 + 2, 1 + 3.0 / 2 - 1});
  backward(y, Tensor::full({3}, 1, DType::f64));
  expect(x.grad(), {3}, {-0.75 - 4, -0.75 - 1, -0.75 - 0.25});
  CHECK((Tensor::zeros({2}, DType::bf16) * 2).dtype() == DType::bf16);
  expect(-x + 1, {3}, {0, -1, 5});
}

TEST_CASE("an operand of one element is not repeated in memory, forward or backward") {
  Tensor x = Tensor::full({1 << 20}, 3);
  x.requires_grad_();
  const Tensor one = Tensor::full({1}, 2);
  for (auto* op : {add, sub, mul, div}) {
    for (const bool first : {false, true}) {
      reset_peak_memory();
      const std::size_t before = memory_use().live;
      const Tensor y = first ? op(one, x) : op(x, one);
      CHECK(y.shape() == x.shape());
      CHECK(memory_use().peak < before + x.bytes() * 3 / 2);  // y; the operand repeated would be as much again
    }
  }
  reset_peak_memory();
  const std::size_t before = memory_use().live;
  const Tensor dy = Tensor::full(x.shape(), 1);
  backward(x * 2, dy);
  CHECK(memory_use().peak < before + x.bytes() * 7 / 2);  // x · 2, dy and the gradient
}

TEST_CASE("an operand of one element keeps its side and the broadcast shape") {
  const Tensor x = leaf({1, 2, 4}, {3});
  expect(sub(leaf({8}, {1, 1}), x), {1, 3}, {7, 6, 4});
  expect(div(leaf({8}, {}), x), {3}, {8, 4, 2});
  expect(div(x, leaf({2}, {1})), {3}, {0.5, 1, 2});
  expect(sub(leaf({8}, {1, 1}), leaf({3}, {1})), {1, 1}, {5});
  CHECK(add(Tensor::zeros({0, 3}), Tensor::zeros({1})).shape() == Shape{0, 3});
  const Tensor blocked = Tensor::full({1, 3, 2, 2}, 6).to({8});
  CHECK((blocked + 1).layout().is_plain());
  expect(sum_to(cast(blocked - 1, DType::f64), {}), {}, {60});
}

TEST_CASE("division by zero is infinite or NaN, and never leaks from the lanes of a blocked layout") {
  expect(div(leaf({1, -1, 0}, {3}), leaf({0, 0, 0}, {3})), {3}, {INFINITY, -INFINITY, NAN});
  const Tensor x = Tensor::full({1, 3, 2, 2}, 6).to({8});
  CHECK((x / x).layout().is_plain());
  CHECK((x * x).layout() == x.layout());
  CHECK((x - x).layout() == x.layout());
}

// x = torch.tensor([1., 2, 4]); t = torch.tensor([0.5, 3, 1]); F.mse_loss(x, t, reduction=…).backward()
TEST_CASE("mse_loss has PyTorch's values and gradients") {
  const Tensor x = leaf({1, 2, 4}, {3});
  const Tensor t = leaf({0.5, 3, 1}, {3});
  const Tensor mean = mse_loss(x, t);
  expect(mean, {}, {3.4166666666666665});
  backward(mean);
  expect(x.grad(), {3}, {0.3333333333333333, -0.6666666666666666, 2});
  expect(t.grad(), {3}, {-0.3333333333333333, 0.6666666666666666, -2});
  expect(mse_loss(x, t, Reduction::sum), {}, {10.25});
  expect(mse_loss(x, t, Reduction::none), {3}, {0.25, 1, 9});
}

TEST_CASE("sum_to adds up whatever broadcast_to repeats") {
  const std::vector<std::pair<Shape, Shape>> cases{{{3}, {2, 3}},
                                                   {{2, 1}, {2, 3}},
                                                   {{}, {2, 3}},
                                                   {{1, 3, 1}, {2, 3, 4}},
                                                   {{2, 1, 4}, {2, 3, 4}},
                                                   {{1, 1, 1}, {1, 1, 1}},
                                                   {{3, 1, 1}, {2, 3, 1, 5}},
                                                   {{1}, {0, 3}},
                                                   {{2, 1, 2, 1}, {2, 3, 2, 3}},
                                                   {{1, 1, 1, 1, 1, 2}, {2, 1, 2, 1, 3, 2}}};
  for (const auto& pair : cases) {
    const Shape& small = pair.first;
    const Shape& large = pair.second;
    CAPTURE(small);
    CAPTURE(large);
    std::vector<double> values;
    for (Dim i = 0; i < small.numel(); ++i) values.push_back(static_cast<double>(i + 1));
    const Tensor wide = broadcast_to(Tensor::from(values, small), large);
    const double times = static_cast<double>(large.numel()) / static_cast<double>(small.numel());
    for (double& v : values) v *= times;
    expect(sum_to(wide, small), small, values);
  }
  CHECK_THROWS_WITH_AS(broadcast_to(Tensor::zeros({2, 3}), {3}), doctest::Contains("does not repeat"), ShapeError);
  CHECK_THROWS_WITH_AS(sum_to(Tensor::zeros({3}), {2, 3}), doctest::Contains("[2, 3] repeated"), ShapeError);
}
