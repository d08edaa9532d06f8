#include "core/backends/onednn.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "core/ops/conv2d/onednn.h"
#include "core/threads.h"

using namespace fanin;

namespace {

Conv2dGeometry geometry(Dim N, Dim G, Dim IC, Dim OC, Dim size, Dim kernel, Dim stride) {
  const Dim padding = kernel / 2;
  const Dim out = (size + 2 * padding - kernel) / stride + 1;
  return {.N = N,
          .G = G,
          .IC = IC,
          .OC = OC,
          .IH = size,
          .IW = size,
          .OH = out,
          .OW = out,
          .KH = kernel,
          .KW = kernel,
          .stride = stride,
          .padding = padding,
          .dilation = 1};
}

/// Layers of CIFAR and ImageNet ResNeXts, of narrow nets and of small ones.
const std::vector<Conv2dGeometry> layers = {
    geometry(4, 1, 3, 64, 32, 3, 1),    geometry(4, 1, 3, 64, 64, 7, 2),     geometry(4, 1, 1, 6, 28, 5, 1),
    geometry(4, 1, 64, 256, 16, 1, 1),  geometry(4, 1, 256, 512, 16, 1, 2),  geometry(4, 8, 512, 512, 8, 3, 1),
    geometry(4, 8, 512, 512, 16, 3, 2), geometry(4, 32, 128, 128, 16, 3, 1), geometry(4, 32, 256, 256, 16, 3, 2),
    geometry(4, 8, 64, 64, 16, 3, 1),   geometry(4, 8, 16, 16, 16, 3, 1),    geometry(4, 32, 32, 32, 16, 3, 1),
    geometry(4, 1, 6, 16, 12, 5, 1),    geometry(4, 1, 21, 13, 9, 3, 1),     geometry(4, 3, 21, 21, 9, 3, 1),
    geometry(4, 21, 21, 21, 9, 3, 2),
};

std::vector<DType> dtypes() {
  std::vector<DType> result;
  for (const DType dtype : {DType::f32, DType::bf16})
    if (onednn::supports(dtype)) result.push_back(dtype);
  return result;
}

struct Operands {
  Tensor x, weight, dy;
};

Operands operands(const Conv2dGeometry& g, DType dtype) {
  return {Tensor::full({g.N, g.IC, g.IH, g.IW}, 0.5, dtype), Tensor::full({g.OC, g.IC / g.G, g.KH, g.KW}, 0.25, dtype),
          Tensor::full({g.N, g.OC, g.OH, g.OW}, 0.125, dtype)};
}

/// Sum of the absolute values stored beyond the last channel.
double padding_of(const Tensor& t) {
  const Dim B = t.layout().block;
  const Dim blocks = t.layout().blocks(t.shape());
  const Dim S = t.shape().numel_from(2);
  const Tensor f32 = t.as(DType::f32);
  const auto raw = f32.raw<float>();
  double sum = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const auto at = static_cast<Dim>(i);
    const Dim channel = at / (S * B) % blocks * B + at % B;
    if (channel >= t.dim(1)) sum += std::abs(static_cast<double>(raw[i]));
  }
  return sum;
}

}  // namespace

TEST_CASE("oneDNN runs the layers of common networks with kernels written for the machine") {
  for (const DType dtype : dtypes())
    for (const Conv2dGeometry& g : layers) {
      CAPTURE(dtype);
      CAPTURE(g.G);
      CAPTURE(g.IC);
      CAPTURE(g.OC);
      CAPTURE(g.KH);
      REQUIRE(onednn::conv2d.supports(g, dtype));
      const onednn::ConvolutionPlan plan = onednn::conv2d_plan(g, dtype);
      for (const std::string& name : {plan.forward, plan.backward_input, plan.backward_weight}) {
        CAPTURE(name);
        CHECK(name.find("ref") == std::string::npos);
        CHECK(name.find("gemm") == std::string::npos);
      }
    }
}

TEST_CASE("oneDNN's convolutions leave zeros in the lanes beyond the last channel") {
  for (const DType dtype : dtypes())
    for (const Conv2dGeometry& g : layers) {
      CAPTURE(g.IC);
      CAPTURE(g.OC);
      const auto [x, weight, dy] = operands(g, dtype);
      const Tensor bias = Tensor::full({g.OC}, 3);
      const Tensor y = onednn::conv2d.forward(g, x, weight, bias);
      CHECK(y.layout() == onednn::preferred_layout(dtype, y.shape()));
      CHECK(padding_of(y) == 0);
      CHECK(padding_of(onednn::conv2d.backward_input(g, dy, weight)) == 0);
    }
}

TEST_CASE("oneDNN's caches are bounded, and batches of every size leave no memory behind") {
  const auto run = [](Dim batch) {
    const Conv2dGeometry g = geometry(batch, 4, 16, 16, 6, 3, 1);
    const auto [x, weight, dy] = operands(g, DType::f32);
    onednn::conv2d.forward(g, x, weight, {});
    onednn::conv2d.backward_input(g, dy, weight);
    onednn::conv2d.backward_weight(g, dy, x);
  };
  if (!onednn::supports(DType::f32)) return;
  const std::size_t live = memory_use().live;
  for (Dim batch = 1; batch <= 300; ++batch) run(batch);
  CHECK(onednn::conv2d_caches().primitives <= 512);
  CHECK(onednn::conv2d_caches().weights <= 512);
  CHECK(memory_use().live <= live);
}

TEST_CASE("working copies of weights follow the weights") {
  if (!onednn::supports(DType::f32)) return;
  const Conv2dGeometry g = geometry(1, 1, 16, 16, 4, 1, 1);
  const Tensor x = Tensor::full({1, 16, 4, 4}, 1);
  Tensor weight = Tensor::full({16, 16, 1, 1}, 1);
  const auto first = [&] { return onednn::conv2d.forward(g, x, weight, {}).values().front(); };
  for (int again = 0; again < 3; ++again) CHECK(first() == 16);  // from the second use on from the copy
  weight.fill_(2);
  for (int again = 0; again < 3; ++again) CHECK(first() == 32);
  weight = Tensor::full({16, 16, 1, 1}, 3);  // most likely in the bytes of the old one
  CHECK(first() == 48);
}

TEST_CASE("what oneDNN refuses is said with the geometry") {
  const auto refuse = [] {
    onednn::translating(
        "conv2d", [] { return "x [1, 2]"; }, [] { throw dnnl::error(dnnl_unimplemented, "no"); });
  };
  CHECK_THROWS_WITH_AS(refuse(), doctest::Contains("for x [1, 2]; --backend"), Error);
}
