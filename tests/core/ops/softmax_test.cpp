#include "core/ops/softmax.h"

#include <cmath>

#include "tests/core/ops/expect.h"

using namespace fanin;

namespace {
const Tensor dy = Tensor::from(std::vector<double>{1, 0, 2, 0, -1, 0}, {2, 3});
Tensor input() { return leaf({1, 2, 4, 0, -1, 3}, {2, 3}); }
}  // namespace

// x = torch.tensor([[1., 2, 4], [0, -1, 3]]).double(); y = torch.softmax(x, d);
// (y * torch.tensor([[1., 0, 2], [0, -1, 0]])).sum().backward(); log_softmax alike
TEST_CASE("softmax has PyTorch's values and gradients along either dimension") {
  const Tensor x = input();
  const Tensor y = softmax(x, 0);
  expect(y, {2, 3},
         {0.7310585786300049, 0.9525741268224334, 0.7310585786300049, 0.2689414213699951, 0.04742587317756679,
          0.2689414213699951});
  backward(y, dy);
  expect(x.grad(), {2, 3},
         {0.19661193324148185, 0.045176659730912144, 0.3932238664829637, -0.19661193324148185, -0.045176659730912144,
          -0.3932238664829637});
  expect(softmax(x, -1), {2, 3},
         {0.04201006613406605, 0.11419519938459449, 0.8437947344813395, 0.0466126225779739, 0.017147825545520388,
          0.9362395518765058});
}

TEST_CASE("log_softmax has PyTorch's values and gradients") {
  const Tensor x = input();
  const Tensor y = log_softmax(x, 1);
  expect(y, {2, 3},
         {-3.1698460195562856, -2.1698460195562856, -0.16984601955628567, -3.0658839037574293, -4.065883903757429,
          -0.06588390375742911});
  backward(y, dy);
  expect(x.grad(), {2, 3},
         {0.8739698015978019, -0.3425855981537834, -0.5313842034440184, 0.04661262257797389, -0.9828521744544796,
          0.9362395518765058});
  expect(log_softmax(x, 0), {2, 3},
         {-0.31326168751822286, -0.048587351573741965, -0.31326168751822286, -1.3132616875182228, -3.048587351573742,
          -1.3132616875182228});
}

TEST_CASE("softmax neither overflows nor loses infinities and NaN") {
  expect(softmax(leaf({1000, 1000, -1000}, {3}), 0), {3}, {0.5, 0.5, 0});
  expect(log_softmax(leaf({-1000, 1000}, {2}), 0), {2}, {-2000, 0});
  expect(softmax(leaf({-INFINITY, 0}, {2}), 0), {2}, {0, 1});
  expect(softmax(leaf({-INFINITY, -INFINITY}, {2}), 0), {2}, {NAN, NAN});
  expect(softmax(leaf({0, NAN, 1}, {3}), 0), {3}, {NAN, NAN, NAN});
}
