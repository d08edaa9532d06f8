#include "core/ops/adaptive_avg_pool2d.h"

#include "tests/core/ops/expect.h"

using namespace fanin;

// x = torch.arange(15.).reshape(1, 1, 3, 5); x[0, 0, 1, 2] = 100; y = F.adaptive_avg_pool2d(x, (2, 3));
// (y * torch.tensor([[1., 2, 3], [4, 5, 6]])).sum().backward()
TEST_CASE("adaptive_avg_pool2d takes PyTorch's overlapping bins") {
  const Tensor x = leaf({0, 1, 2, 3, 4, 5, 6, 100, 8, 9, 10, 11, 12, 13, 14}, {1, 1, 3, 5});
  const Tensor y = adaptive_avg_pool2d(x, {2, 3});
  expect(y, {1, 1, 2, 3}, {3, 20, 6, 8, 25, 11});
  backward(y, Tensor::from(std::vector<double>{1, 2, 3, 4, 5, 6}, y.shape()));
  expect(x.grad(), x.shape(),
         {0.25, 0.5833333333333333, 0.3333333333333333, 1.0833333333333333, 0.75, 1.25, 2.4166666666666665,
          1.1666666666666667, 3.4166666666666665, 2.25, 1, 1.8333333333333335, 0.8333333333333334, 2.3333333333333335,
          1.5});
}

// x = torch.arange(3.).reshape(1, 1, 1, 3); y = F.adaptive_avg_pool2d(x, (2, 5));
// (y * torch.arange(1., 11).reshape(2, 5)).sum().backward()
TEST_CASE("adaptive_avg_pool2d repeats elements where the output is larger") {
  const Tensor x = leaf({0, 1, 2}, {1, 1, 1, 3});
  const Tensor y = adaptive_avg_pool2d(x, {2, 5});
  expect(y, {1, 1, 2, 5}, {0, 0.5, 1, 1.5, 2, 0, 0.5, 1, 1.5, 2});
  backward(y, Tensor::from(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, y.shape()));
  expect(x.grad(), x.shape(), {11.5, 22, 21.5});
}

TEST_CASE("adaptive_avg_pool2d keeps the blocked layout and its zero lanes") {
  for (const Size2 output : {Size2(1), Size2(2, 3)})
    for (const Dim block : {8, 16, 21}) {
      const Tensor x = Tensor::full({2, 21, 4, 6}, 3).to({block});
      const Tensor y = adaptive_avg_pool2d(x, output);
      CHECK(y.layout() == x.layout());
      double sum = 0;
      for (float v : y.raw<float>()) sum += v;
      CHECK(sum == static_cast<double>(3 * y.numel()));
    }
}
