#include "layers/conv3d.h"

#include <doctest/doctest.h>

#include "core/autograd.h"
#include "layers/activations.h"
#include "layers/flatten.h"
#include "layers/linear.h"
#include "layers/pooling.h"
#include "layers/sequential.h"

using namespace fanin;

TEST_CASE("a small C3D names its parameters and trains every one of them") {
  Sequential net;
  net.add("conv1a", Conv3d(3, 4, {.kernel = 3, .padding = 1}));
  net.add("relu", LeakyReLU());
  net.add("pool1", MaxPool3d({.kernel = {1, 2, 2}}));
  net.add("conv2a", Conv3d(4, 6, {.kernel = {3, 3, 1}, .stride = {1, 2, 1}, .groups = 2, .bias = false}));
  net.add("flatten", Flatten());
  net.add("fc", Linear(6 * 2 * 1 * 3, 5));
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state_dict(net)) names.push_back(name);
  CHECK(names == std::vector<std::string>{"conv1a.weight", "conv1a.bias", "conv2a.weight", "fc.weight", "fc.bias"});
  CHECK(parameter_count(net) == 3 * 4 * 27 + 4 + 6 * 2 * 9 + 36 * 5 + 5);
  for (const NamedParameter& p : named_parameters(net)) p.tensor->fill_(0.01);
  const Tensor y = net(Tensor::full({2, 3, 4, 6, 6}, 1));
  CHECK(y.shape() == Shape{2, 5});
  backward(y, Tensor::full(y.shape(), 1));
  for (const NamedParameter& p : named_parameters(net)) {
    CAPTURE(p.name);
    CHECK(p.tensor->grad().shape() == p.tensor->shape());
  }
}

TEST_CASE("Conv3d describes what it was given, and refuses what makes no sense") {
  CHECK(Conv3d(8, 16, {.kernel = 3, .stride = {1, 2, 2}, .padding = 1, .groups = 4}).describe() ==
        "8 → 16, kernel 3x3x3, stride 1x2x2, padding 1x1x1, groups 4");
  CHECK(MaxPool3d({.kernel = {1, 2, 2}}).describe() == "kernel 1x2x2, stride 1x2x2");
  CHECK_THROWS_WITH_AS(Conv3d(8, 16, {.groups = 3}), doctest::Contains("groups=3"), ShapeError);
  CHECK_THROWS_WITH_AS(Conv3d(8, 16, {.stride = {1, 0, 1}}), doctest::Contains("1x0x1"), ShapeError);
  CHECK_THROWS_WITH_AS(Conv3d(0, 16), doctest::Contains("channels"), ShapeError);
}
