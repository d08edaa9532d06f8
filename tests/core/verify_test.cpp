#include "core/verify.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "core/autograd.h"
#include "core/ops/check_gradients.h"
#include "core/ops/conv2d/kernels.h"
#include "core/ops/operators.h"

using namespace fanin;

namespace {

/// A convolution whose gradient of the weights is wrong at one element, by `error`.
double error = 0;
int reference_runs = 0;

Tensor wrong_weight_gradient(const Conv2dGeometry& g, const Tensor& dy, const Tensor& x) {
  Tensor d = reference::conv2d.backward_weight(g, dy, x);
  d.mutable_data<float>()[((1 * 3 + 2) * 3 + 0) * 3 + 1] += static_cast<float>(error);
  return d;
}

Tensor counted_weight_gradient(const Conv2dGeometry& g, const Tensor& dy, const Tensor& x) {
  ++reference_runs;
  return reference::conv2d.backward_weight(g, dy, x);
}

constexpr Conv2dKernels with_weight_gradient(Backend backend, Conv2dKernels::BackwardWeight gradient) {
  return {backend, [](const Conv2dGeometry&, DType) { return true; }, nullptr, nullptr, nullptr, gradient};
}
constexpr Conv2dKernels wrong = with_weight_gradient(Backend::simd, wrong_weight_gradient);
constexpr Conv2dKernels counted = with_weight_gradient(Backend::reference, counted_weight_gradient);

/// The gradient of a weight [4, 3, 3, 3] from ones: every element is a number of pixels, 36 at most.
Tensor weight_gradient() {
  const Conv2dGeometry g{.N = 1,
                         .G = 1,
                         .IC = 3,
                         .OC = 4,
                         .IH = 6,
                         .IW = 6,
                         .OH = 6,
                         .OW = 6,
                         .KH = 3,
                         .KW = 3,
                         .stride = 1,
                         .padding = 1,
                         .dilation = 1};
  const Tensor x = Tensor::full({1, 3, 6, 6}, 1);
  const Tensor dy = Tensor::full({1, 4, 6, 6}, 1);
  return verified(
      "conv2d", {&dy, &x}, wrong, counted, [&](const Conv2dKernels& k) { return k.backward_weight(g, dy, x); },
      "gradient of input 1");
}

/// The sample's result, then a gradient for each input.
Tensors run(const OpInfo& card, const Sample& sample, DType dtype) {
  Tensors inputs = draw_inputs(card, sample, DType::bf16);
  for (Tensor& input : inputs) input = input.as(dtype).requires_grad_();
  const Tensor y = sample.call(inputs);
  backward(y, draw_inputs({}, {"", {y.shape()}, {}}, DType::f64)[0].as(y.dtype()));
  Tensors results{y};
  for (const Tensor& input : inputs) results.push_back(input.grad());
  return results;
}

/// All of a short card, about ten of a long one.
std::vector<Sample> some_samples(const OpInfo& card) {
  std::vector<Sample> some;
  for (std::size_t i = 0; i < card.samples.size(); i += 1 + card.samples.size() / 20) some.push_back(card.samples[i]);
  return some;
}

}  // namespace

TEST_CASE("a wrong kernel is named, with module, result, element, both values and the shapes") {
  const VerifyScope scope;
  const ModuleScope module("stage_1.conv");
  error = 0.5;
  CHECK_THROWS_WITH_AS(
      weight_gradient(),
      doctest::Contains("in 'stage_1.conv': conv2d: kernel simd differs from the reference in the gradient of input 1: "
                        "element [1, 2, 0, 1] of f32[4, 3, 3, 3] is 30.5, the reference has 30 (1 of 108 elements"),
      MismatchError);
  CHECK_THROWS_WITH_AS(weight_gradient(), doctest::Contains("inputs f32[1, 4, 6, 6], f32[1, 3, 6, 6]"), MismatchError);
  CHECK_THROWS_WITH_AS(weight_gradient(), doctest::Contains("--backend reference"), MismatchError);
  error = NAN;
  CHECK_THROWS_WITH_AS(weight_gradient(), doctest::Contains("is nan, the reference has 30"), MismatchError);
}

TEST_CASE("what rounding explains passes and is counted") {
  const VerifyScope scope;
  error = 36 * 1e-4;
  weight_gradient();
  REQUIRE(scope.compared().size() == 1);
  const auto& [result, difference] = *scope.compared().begin();
  CHECK(result == "conv2d simd f32: gradient of input 1");
  CHECK(difference == doctest::Approx(1e-4).epsilon(0.01));
}

TEST_CASE("without a scope the reference does not run") {
  error = 0.5;
  reference_runs = 0;
  weight_gradient();
  CHECK(reference_runs == 0);
  CHECK_FALSE(verifying());
  const VerifyScope scope;
  CHECK(verifying());
  error = 0;
  weight_gradient();
  CHECK(reference_runs == 1);
}

TEST_CASE("every operator with several kernels is verified, forward and every gradient") {
  std::set<std::string> expected;
  for (const std::string op : {"conv2d", "conv3d", "linear", "matmul", "batch_norm2d", "max_pool2d", "avg_pool2d"}) {
    for (const std::string result : {"output", "gradient of input 0"}) expected.insert(op + ": " + result);
    if (!op.ends_with("pool2d")) expected.insert(op + ": gradient of input 1");
  }
  for (const std::string result : {"gradient of input 2", "gradient of input 3", "batch mean", "batch variance"})
    expected.insert("batch_norm2d: " + result);
  const VerifyScope scope;
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16})
    for (const OpInfo& card : operators())
      for (const Sample& sample : some_samples(card)) {
        if (dtype == DType::bf16 && std::isinf(card.bf16_tolerance)) continue;
        CAPTURE(dtype);
        CAPTURE(card.name);
        CAPTURE(sample.label);
        CHECK_NOTHROW(run(card, sample, dtype));
      }
  std::set<std::string> seen;
  for (const auto& entry : scope.compared()) {
    const std::string& name = entry.first;
    seen.insert(name.substr(0, name.find(' ')) + name.substr(name.find(": ")));
  }
  CHECK(seen == expected);
}

TEST_CASE("under the scope operators give what they give without, to the bit") {
  for (const OpInfo& card : operators())
    for (const Sample& sample : some_samples(card)) {
      CAPTURE(card.name);
      CAPTURE(sample.label);
      const Tensors without = run(card, sample, DType::f32);
      const VerifyScope scope;
      const Tensors with = run(card, sample, DType::f32);
      for (std::size_t i = 0; i < with.size(); ++i) CHECK(with[i].values() == without[i].values());
    }
}

TEST_CASE("a backward pass is verified where only it is within the scope") {
  for (const OpInfo& card : operators()) {
    if (card.name != "max_pool2d" && card.name != "batch_norm2d") continue;
    for (const Sample& sample : card.samples) {
      CAPTURE(sample.label);
      Tensors inputs = draw_inputs(card, sample, DType::f32);
      for (Tensor& input : inputs) input.requires_grad_();
      const Tensor y = sample.call(inputs);
      if (y.numel() == 0) continue;
      const VerifyScope scope;
      CHECK_NOTHROW(backward(y, Tensor::full(y.shape(), 1)));
      CHECK(scope.compared().empty() ==
            (card.name == "max_pool2d"));  // whose places the reference cannot know any more
    }
  }
}
