#include "core/ops/batch_norm2d/kernels.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>

#include "core/lanes.h"
#include "core/ops/add.h"
#include "core/random.h"
#include "core/threads.h"

using namespace fanin;

namespace {

/// [4, 16, 9, 9] around `mean` with a spread of `deviation`; the first value of each channel is `first`.
Tensor channels(double mean, double deviation, double first) {
  Tensor x = Tensor::empty({4, 16, 9, 9}, DType::f64);
  Generator generator(3);
  generator.normal(x, mean, deviation);
  const auto values = x.mutable_data<double>();
  for (std::size_t c = 0; c < 16; ++c) values[c * 81] = first;
  return x.as(DType::f32);
}

/// The largest relative error of the vector kernel's statistics, against the reference in f64.
double error_of_statistics(const Tensor& x) {
  const Tensor one = Tensor::full({16}, 1);
  const Tensor zero = Tensor::zeros({16});
  const auto wide = reference::batch_norm2d.training(x.as(DType::f64), one.as(DType::f64), zero.as(DType::f64), 0, {});
  const auto got = simd::batch_norm2d.training(x.to(Layout::channel_blocked(16)), one, zero, 0, {});
  double worst = 0;
  for (std::size_t c = 0; c < 16; ++c) {
    worst = std::max(worst, std::abs(got.variance.values()[c] / wide.variance.values()[c] - 1));
    worst = std::max(worst, std::abs(got.mean.values()[c] - wide.mean.values()[c]) /
                                (std::abs(wide.mean.values()[c]) + std::sqrt(wide.variance.values()[c])));
  }
  return worst;
}

Tensor noise(const Shape& shape, DType dtype, std::uint64_t seed) {
  Tensor x = Tensor::empty(shape);
  Generator(seed).normal(x, 0, 1);
  return x.as(dtype).to(Layout::channel_blocked(16));
}

double largest_difference(const Tensor& a, const Tensor& b) {
  const std::vector<double> va = a.values(), vb = b.values();
  double most = 0;
  for (std::size_t i = 0; i < va.size(); ++i) most = std::max(most, std::abs(va[i] - vb[i]));
  return most;
}

/// y, and the gradients where the gradient at y comes in two summands.
Tensors norm_add_relu(const BatchNorm2dKernels& kernels, const Shape& shape, DType dtype, bool in_one) {
  const Tensor x = noise(shape, dtype, 1), weight = Tensor::full({16}, 1.5), none;
  const auto forward = kernels.training(x, weight, weight, 1e-5, {noise(shape, dtype, 3), true});
  Tensor dy = noise(shape, dtype, 4), more = noise(shape, dtype, 5);
  if (in_one) dy = accumulate(std::move(dy), std::exchange(more, none));
  const auto d = kernels.backward(
      std::move(dy), std::move(more),
      {x, forward.mean, forward.variance, weight, weight, forward.workspace, forward.y, 1e-5, true}, true);
  return {forward.y, d.dx, d.daddend, d.dweight, d.dbias};
}

}  // namespace

TEST_CASE("panels that threads share give the bits of one thread, and a gradient in two summands that of the sum") {
  const int before = threads();
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const Shape shape{dtype == DType::f32 ? 8 : 16, 16, 128, 64};  // 4 MiB
    set_threads(1);
    const Tensors alone = norm_add_relu(simd::batch_norm2d, shape, dtype, false);
    const Tensors of_sum = norm_add_relu(simd::batch_norm2d, shape, dtype, true);
    set_threads(3);
    const Tensors together = norm_add_relu(simd::batch_norm2d, shape, dtype, false);
    set_threads(before);
    for (std::size_t i = 0; i < alone.size(); ++i) {
      CAPTURE(i);
      CHECK(alone[i].values() == together[i].values());
      if (dtype == DType::f32) CHECK(alone[i].values() == of_sum[i].values());
    }
  }
}

TEST_CASE("large panels and results come out as the plain loops make them") {
  const Shape shape{8, 16, 128, 64};
  const Tensor x = noise(shape, DType::f32, 1), dy = noise(shape, DType::f32, 4), one = Tensor::full({16}, 1.5), none;
  const auto y = simd::batch_norm2d.training(x, one, one, 1e-5, {none, true});
  const auto expected = reference::batch_norm2d.training(x, one, one, 1e-5, {none, true});
  CHECK(largest_difference(y.y, expected.y) < 1e-5);
  const BatchNorm2dSaved saved{x, y.mean, y.variance, one, one, none, none, 1e-5, false};  // nobody's side of a kink
  const auto d = simd::batch_norm2d.backward(dy, none, saved, true);
  const auto wanted = reference::batch_norm2d.backward(dy, none, saved, true);
  CHECK(largest_difference(d.dx, wanted.dx) < 1e-5);
  CHECK(largest_difference(d.dbias, wanted.dbias) < 1e-2);  // of 65,536 summands
  const Tensors added = norm_add_relu(simd::batch_norm2d, shape, DType::f32, false);
  const auto by_loops = reference::batch_norm2d.backward(added[2], none, saved, true);
  CHECK(largest_difference(added[1], by_loops.dx) < 1e-5);
}

TEST_CASE("the vector batch norm's variance comes from one pass, and from a second where the mean lies far from 0") {
  CHECK(error_of_statistics(channels(0, 1, 0.5)) < 1e-5);
  CHECK(error_of_statistics(channels(100, 1, 101)) < 1e-5);
  // 324 values with a spread of 1 around −3000 beside one of 0: their squares would leave no digit of it.
  CHECK(error_of_statistics(channels(-3000, 1, 0)) < 1e-5);
}

TEST_CASE("channels that are constant have no variance in the vector batch norm") {
  const Tensor x = Tensor::full({4, 16, 9, 9}, 0.1).to(Layout::channel_blocked(16));
  const auto result = simd::batch_norm2d.training(x, Tensor::full({16}, 2), Tensor::full({16}, 3), 1e-5, {});
  for (const double v : result.variance.values()) CHECK(v == 0);
  for (const double y : result.y.values()) CHECK(y == doctest::Approx(3).epsilon(1e-6));
}

TEST_CASE("lanes without a channel stay zero without eps, too") {
  const Tensor x = channels(0, 1, 0.5).as(DType::f32);
  const Tensor some =
      Tensor::from(std::vector<float>(x.data<float>().begin(), x.data<float>().begin() + 2 * 5 * 81), {2, 5, 9, 9});
  const Tensor ones = Tensor::full({5}, 1);
  for (const BatchNorm2dKernels* kernels : {&simd::batch_norm2d, &onednn::batch_norm2d}) {
    const Tensor blocked = some.to(Layout::channel_blocked(16));
    if (!kernels->supports(blocked.shape(), DType::f32, blocked.layout())) continue;
    const Tensor y = kernels->training(blocked, ones, ones, 0, {}).y;
    REQUIRE_FALSE(y.layout().is_plain());
    for (const float v : y.raw<float>()) CHECK(std::isfinite(v));
  }
}

TEST_CASE("vectors are rounded to bf16 as single values are") {
  std::vector<float> values;
  for (std::uint32_t high = 0; high < 0x10000; high += 37)
    for (const std::uint32_t low : {0U, 1U, 0x7fffU, 0x8000U, 0x8001U, 0xffffU}) {
      const bool denormal = (high & 0x7f80) == 0;  // arithmetic flushes them to zero, also the instruction's own
      if (!denormal) values.push_back(std::bit_cast<float>(high << 16 | low));
    }
  values.resize(values.size() / 16 * 16);
  std::vector<bfloat16> rounded(values.size());
  vectorized([&]<Isa set>() __attribute__((always_inline)) {
    for (std::size_t i = 0; i < values.size(); i += 16) {
      Lanes<16> lanes;
      load<16, set>(lanes, values.data() + i);
      store<16, set>(rounded.data() + i, lanes);
    }
  });
  for (std::size_t i = 0; i < values.size(); ++i) {
    CAPTURE(values[i]);
    CHECK(std::bit_cast<std::uint16_t>(rounded[i]) == std::bit_cast<std::uint16_t>(bfloat16(values[i])));
  }
}

TEST_CASE("batch norm in evaluation takes plain images to the layout of the vector kernel") {
  if (!onednn::batch_norm2d.supports({2, 16, 3, 3}, DType::f32, {})) return;
  const Tensor ones = Tensor::full({16}, 1);
  const Tensor y = onednn::batch_norm2d.evaluation(Tensor::full({2, 16, 3, 3}, 3), ones, ones, ones, ones, 0, {});
  CHECK_FALSE(y.layout().is_plain());
  for (const double v : y.values()) CHECK(v == 3);
}
