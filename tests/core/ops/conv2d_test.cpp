#include "core/ops/conv2d/conv2d.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "core/autograd.h"
#include "core/backend.h"
#include "core/backends/layouts.h"
#include "core/ops/conv2d/kernels.h"
#include "core/ops/tail.h"
#include "core/random.h"
#include "core/threads.h"

using namespace fanin;

namespace {

Tensor drawn(const Shape& shape, std::uint64_t key) {
  Tensor result = Tensor::empty(shape);
  Stream stream(key);
  for (float& v : result.mutable_data<float>()) v = static_cast<float>(stream.uniform(-1, 1));
  return result;
}

/// Largest difference, relative to the largest element of `expected`.
double distance(const Tensor& got, const Tensor& expected) {
  REQUIRE(got.shape() == expected.shape());
  const std::vector<double> a = got.values();
  const std::vector<double> b = expected.values();
  double worst = 0;
  double scale = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i])) return INFINITY;
    worst = std::max(worst, std::abs(a[i] - b[i]));
    scale = std::max(scale, std::abs(b[i]));
  }
  return worst / scale;
}

Conv2dGeometry three_by_three(Dim N, Dim G, Dim I, Dim O, Dim H, Dim W, Size2 padding) {
  return {.N = N,
          .G = G,
          .IC = G * I,
          .OC = G * O,
          .IH = H,
          .IW = W,
          .OH = H + 2 * padding.h - 2,
          .OW = W + 2 * padding.w - 2,
          .KH = 3,
          .KW = 3,
          .stride = 1,
          .padding = padding,
          .dilation = 1};
}

}  // namespace

TEST_CASE("a convolution writes its result over an addend that nobody else holds, and over no other") {
  for (const Backend backend : {Backend::automatic, Backend::reference}) {
    CAPTURE(name_of(backend));
    const BackendScope scope(backend);
    const Tensor x = Tensor::full({1, 16, 2, 2}, 1);
    const Tensor weight = Tensor::full({16, 16, 1, 1}, 1);
    Tensor addend = conv2d(x, weight);  // 16, in the layout the kernel writes
    const Tensor kept = addend;
    CHECK(conv2d(x, weight, {}, {}, addend).values().front() == 32);
    CHECK(conv2d(x, weight, {}, {}, std::move(addend)).values().front() == 32);
    CHECK(kept.values().front() == 16);
    Tensor own = conv2d(x, weight);
    const std::byte* const bytes = own.raw_bytes();
    const Tensor y = conv2d(x, weight, {}, {.relu = true}, std::move(own));
    CHECK(y.values().front() == 32);
    const bool fused = backend == Backend::automatic && !y.layout().is_plain();
    CHECK((y.raw_bytes() == bytes) == fused);
  }
}

TEST_CASE("Winograd's convolution agrees with the definition, forward and backward, with every tail") {
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const Conv2dGeometry& g :
         {three_by_three(2, 2, 64, 64, 7, 6, 1), three_by_three(1, 1, 64, 128, 5, 9, {0, 2}),
          three_by_three(3, 3, 192, 32, 3, 4, 1), three_by_three(1, 1, 96, 64, 17, 18, {2, 0}),
          three_by_three(1, 5, 32, 48, 3, 3, 1)}) {
      CAPTURE(dtype);
      CAPTURE(g.IC);
      CAPTURE(g.OC);
      if (!simd::winograd.supports(g, dtype)) continue;  // instructions are missing
      // Rounding of one transformed tile in bf16, of sums in f32.
      const double near = dtype == DType::f32 ? 1e-5 : 1.5e-2;
      const Tensor x = drawn({g.N, g.IC, g.IH, g.IW}, 1).as(dtype);
      const Tensor weight = drawn({g.OC, g.IC / g.G, 3, 3}, 2).as(dtype);
      const Tensor bias = drawn({g.OC}, 3);
      const Tensor dy = drawn({g.N, g.OC, g.OH, g.OW}, 4).as(dtype);
      const Tensor expected = reference::conv2d.forward(g, x, weight, bias);
      for (int again = 0; again < 3; ++again)  // weights are transformed, kept, taken again
        CHECK(distance(simd::winograd.forward(g, x, weight, bias), expected) < near);
      CHECK(distance(simd::winograd.forward(g, x, weight, {}), reference::conv2d.forward(g, x, weight, {})) < near);
      CHECK(distance(simd::winograd.backward_input(g, dy, weight), reference::conv2d.backward_input(g, dy, weight)) <
            near);
      const Tensor dw = simd::winograd.backward_weight(g, dy, x);
      CHECK(dw.dtype() == DType::f32);
      CHECK(distance(dw, reference::conv2d.backward_weight(g, dy, x)) < near);
      const Layout layout = onednn::preferred_layout(dtype, dy.shape());
      for (const bool relu : {false, true})
        for (const bool into_addend : {false, true})
          for (const Layout addend_layout : {Layout::plain(), layout}) {
            const Tensor addend = dy.clone().to(addend_layout);
            const Conv2dTail tail{.addend = addend, .into_addend = into_addend, .relu = relu};
            const Tensor y = simd::winograd.forward_fused(g, x, weight, bias, tail);
            Tensor wanted = expected.clone();
            add_and_rectify(wanted, dy, relu);
            CHECK(distance(y, wanted) < near);
            CHECK((y.raw_bytes() == addend.raw_bytes()) == (into_addend && addend_layout == layout));
            if (!into_addend) CHECK(distance(addend, dy) == 0);
          }
    }
}

TEST_CASE("Winograd's gradient of the weights is the same sum, however many threads share it") {
  const Conv2dGeometry g = three_by_three(5, 2, 32, 64, 7, 5, 1);
  if (!simd::winograd.supports(g, DType::f32)) return;
  const Tensor x = drawn({g.N, g.IC, g.IH, g.IW}, 1);
  const Tensor dy = drawn({g.N, g.OC, g.OH, g.OW}, 2);
  const Tensor expected = reference::conv2d.backward_weight(g, dy, x);
  const int outer = threads();
  for (const int count : {1, 2, 3, 5, 64}) {
    CAPTURE(count);
    set_threads(count);
    CHECK(distance(simd::winograd.backward_weight(g, dy, x), expected) < 1e-5);
  }
  set_threads(outer);
}

TEST_CASE("a bf16 convolution takes f32 weights as their bf16 copy, and gives them an f32 gradient") {
  // By kernel: Winograd's, vector code in groups of 4, oneDNN's, oneDNN's with groups merged, im2col.
  for (const Conv2dGeometry& g :
       {three_by_three(1, 2, 64, 64, 5, 6, 1), three_by_three(2, 4, 4, 4, 5, 6, 1),
        three_by_three(2, 1, 16, 8, 5, 6, 1), three_by_three(2, 6, 3, 5, 5, 6, 1), three_by_three(1, 1, 3, 2, 1, 1, 2)})
    for (const Backend backend : {Backend::automatic, Backend::onednn, Backend::reference}) {
      CAPTURE(g.IC);
      CAPTURE(name_of(backend));
      const BackendScope scope(backend);
      Tensor x = drawn({g.N, g.IC, g.IH, g.IW}, 1).as(DType::bf16);
      Tensor master = drawn({g.OC, g.IC / g.G, 3, 3}, 2);
      Tensor copy = master.as(DType::bf16);
      const Tensor dy = drawn({g.N, g.OC, g.OH, g.OW}, 3).as(DType::bf16);
      const auto run = [&](Tensor& weight) {
        x.requires_grad_().set_grad({});
        weight.requires_grad_();
        const Tensor y = conv2d(x, weight, {}, {.padding = g.padding, .groups = g.G});
        backward(y, dy);
        CHECK(weight.grad().dtype() == weight.dtype());
        return std::vector<Tensor>{y, x.grad(), weight.grad()};
      };
      const std::vector<Tensor> expected = run(copy), got = run(master);
      for (std::size_t i = 0; i < got.size(); ++i) CHECK(distance(got[i], expected[i]) < 1e-2);
    }
}

TEST_CASE("Winograd's convolution tells the shapes apart in which bytes are seen") {
  const Conv2dGeometry narrow = three_by_three(1, 1, 32, 64, 4, 4, 1), wide = three_by_three(1, 1, 64, 32, 4, 4, 1);
  if (!simd::winograd.supports(narrow, DType::f32)) return;
  const Tensor weight = drawn({64, 32, 3, 3}, 1), seen = weight.view({32, 64, 3, 3});
  const Tensor x = drawn({1, 32, 4, 4}, 2), more = drawn({1, 64, 4, 4}, 3);
  for (int again = 0; again < 3; ++again) {
    CHECK(distance(simd::winograd.forward(narrow, x, weight, {}), reference::conv2d.forward(narrow, x, weight, {})) <
          1e-5);
    CHECK(distance(simd::winograd.forward(wide, more, seen, {}), reference::conv2d.forward(wide, more, seen, {})) <
          1e-5);
  }
}

TEST_CASE("Winograd's convolution follows weights that are written") {
  const Conv2dGeometry g = three_by_three(1, 1, 64, 64, 4, 4, 1);
  if (!simd::winograd.supports(g, DType::f32)) return;
  const Tensor x = Tensor::full({1, 64, 4, 4}, 1);
  Tensor weight = Tensor::full({64, 64, 3, 3}, 1);
  const auto first = [&] { return simd::winograd.forward(g, x, weight, {}).values().front(); };
  for (int again = 0; again < 3; ++again) CHECK(first() == 256);
  weight.fill_(2);
  for (int again = 0; again < 3; ++again) CHECK(first() == 512);
}
