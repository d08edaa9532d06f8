#include "core/ops/reduce.h"

#include <cmath>

#include "core/threads.h"
#include "tests/core/ops/expect.h"

using namespace fanin;

namespace {
Tensor input() { return leaf({1, 5, 5, 2, -1, -1, 0, -3}, {2, 2, 2}); }
}  // namespace

// x = torch.tensor([[[1., 5], [5, 2]], [[-1, -1], [0, -3]]]); y = x.sum((0, 2)) …;
// (y * torch.arange(1., 1 + y.numel()).reshape(y.shape)).sum().backward()
TEST_CASE("sum and mean have PyTorch's values and gradients") {
  const Tensor weights = Tensor::from(std::vector<double>{1, 2}, {2});
  const Tensor x = input();
  backward(sum(x, {0, 2}), weights);
  expect(sum(x, {0, 2}), {2}, {4, 4});
  expect(x.grad(), {2, 2, 2}, {1, 1, 2, 2, 1, 1, 2, 2});
  const Tensor z = input();
  backward(mean(z, {2, 0}), weights);
  expect(mean(z, {0, 2}, true), {1, 2, 1}, {1, 1});
  expect(z.grad(), {2, 2, 2}, {0.25, 0.25, 0.5, 0.5, 0.25, 0.25, 0.5, 0.5});
  expect(sum(x), {}, {8});
  expect(mean(x, {}, true), {1, 1, 1}, {1});
}

TEST_CASE("max gives its gradient to the first of equal maxima, as torch.max(x, dim)") {
  const Tensor weights = Tensor::from(std::vector<double>{1, 2, 3, 4}, {2, 2});
  const Tensor x = input();
  const Tensor y = max(x, {2});
  expect(y, {2, 2}, {5, 5, -1, 0});
  backward(y, weights);
  expect(x.grad(), {2, 2, 2}, {0, 1, 2, 0, 3, 0, 4, 0});
  const Tensor z = input();
  const Tensor w = max(z, {1});
  expect(w, {2, 2}, {5, 5, 0, -1});
  backward(w, weights);
  expect(z.grad(), {2, 2, 2}, {0, 2, 1, 0, 0, 4, 3, 0});
  const Tensor all = input();
  backward(max(all));
  expect(all.grad(), {2, 2, 2}, {0, 1, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("reductions of nothing, of NaN and of infinities") {
  expect(sum(leaf({}, {2, 0}), {1}), {2}, {0, 0});
  expect(mean(leaf({}, {0})), {}, {NAN});
  expect(max(leaf({}, {0, 3}), {1}), {0}, {});
  expect(max(leaf({1, NAN, 2, NAN}, {4})), {}, {NAN});
  expect(max(leaf({-INFINITY, -INFINITY}, {2})), {}, {-INFINITY});
}

TEST_CASE("a long sum in f32 loses nothing, and does not depend on the number of threads") {
  const Dim count = 1'000'003;
  CHECK(sum(Tensor::full({count}, 0.1F)).item() == doctest::Approx(0.1F * static_cast<double>(count)).epsilon(1e-7));
  std::vector<float> values;
  for (Dim i = 0; i < count; ++i) values.push_back(static_cast<float>(std::sin(static_cast<double>(i))));
  const Tensor x = Tensor::from(values, {1, count});
  const int outer = threads();
  set_threads(1);
  const double one = sum(x, {1}).item();
  set_threads(3);
  CHECK(sum(x, {1}).item() == one);
  set_threads(outer);
}
