#include "core/ops/conv3d/conv3d.h"

#include "core/backend.h"
#include "core/ops/max_pool3d.h"
#include "tests/core/ops/expect.h"

using namespace fanin;

namespace {

/// i mod m − shift for i = 0, 1, …
std::vector<double> ramp(Dim count, Dim m, Dim shift) {
  std::vector<double> values;
  for (Dim i = 0; i < count; ++i) values.push_back(static_cast<double>(i % m - shift));
  return values;
}

}  // namespace

// x = torch.arange(36).double().reshape(1, 2, 2, 3, 3) % 7 - 3;
// w = torch.arange(16).double().reshape(2, 1, 2, 2, 2) % 5 - 2; b = torch.tensor([0.5, -1.]);
// y = F.conv3d(x, w, b, stride=(1, 2, 1), padding=(0, 1, 0), groups=2);
// (y * (torch.arange(y.numel()).reshape(y.shape) % 3 - 1)).sum().backward()
TEST_CASE("conv3d has PyTorch's values and gradients on both kernels") {
  for (const Backend backend : {Backend::reference, Backend::blas}) {
    CAPTURE(name_of(backend));
    const BackendScope scope(backend);
    const Tensor x = leaf(ramp(36, 7, 3), {1, 2, 2, 3, 3});
    const Tensor w = leaf(ramp(16, 5, 2), {2, 1, 2, 2, 2});
    const Tensor b = leaf({0.5, -1}, {2});
    const Tensor y = conv3d(x, w, b, {.stride = {1, 2, 1}, .padding = {0, 1, 0}, .groups = 2});
    expect(y, {1, 2, 1, 2, 2}, {-0.5, -0.5, -3.5, 7.5, 7, -10, -11, 4});
    backward(y, Tensor::from(ramp(8, 3, 1), y.shape()));
    expect(x.grad(), x.shape(), {0, -1, 0,  -2, 1,  1, 0, 1, -1, 1, 0, 0,  2, -4, 2, -1, 1, 0,
                                 0, -2, -1, -1, -2, 0, 2, 1, 0,  0, 2, -2, 0, -1, 0, -2, 2, 0});
    expect(w.grad(), w.shape(), {-1, -1, 9, 1, -1, 6, 0, -1, 3, 2, 2, 2, 1, 0, -5, -5});
    expect(b.grad(), {2}, {-1, 0});
  }
}

// x = torch.tensor([1., 3, 2, 3, 0, 3, 5, 5]).reshape(1, 1, 2, 2, 2);
// y = F.max_pool3d(x, (2, 2, 1), stride=1, padding=(1, 0, 0));
// (y * torch.arange(1., 1 + y.numel()).reshape(y.shape)).sum().backward()
TEST_CASE("max_pool3d has PyTorch's values, and gives the gradient to the first of equal maxima") {
  const Tensor x = leaf({1, 3, 2, 3, 0, 3, 5, 5}, {1, 1, 2, 2, 2});
  const Tensor y = max_pool3d(x, {.kernel = {2, 2, 1}, .stride = 1, .padding = {1, 0, 0}});
  expect(y, {1, 1, 3, 1, 2}, {2, 3, 5, 5, 5, 5});
  backward(y, Tensor::from(std::vector<double>{1, 2, 3, 4, 5, 6}, y.shape()));
  expect(x.grad(), x.shape(), {0, 2, 1, 0, 0, 0, 8, 10});
}
