#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "core/autograd.h"
#include "core/backend.h"
#include "core/ops/check_gradients.h"
#include "core/ops/operators.h"
#include "core/random.h"

// Every operator's card, tried in every way: a new operator needs no new test here.

using namespace fanin;

namespace {

/// Result and gradients of a sample under one cotangent, plain, as doubles.
struct Outcome {
  Shape shape;
  std::vector<std::vector<double>> values;  // the result, then a gradient per input
};

/// Inputs are rounded to `rounded` first: both sides of a comparison then see the same numbers.
Outcome run(const OpInfo& card, const Sample& sample, DType dtype, DType rounded, Layout layout = {}) {
  Tensors inputs = draw_inputs(card, sample, rounded);
  for (Tensor& input : inputs) {
    input = input.as(dtype);
    if (input.rank() >= 4) input = input.to(layout);
    input.requires_grad_();
  }
  const Tensor y = sample.call(inputs);
  Tensor cotangent = Tensor::empty(y.shape(), DType::f64);
  Stream stream(2);
  for (double& v : cotangent.mutable_data<double>()) v = stream.uniform(-1, 1);
  backward(y, cotangent.as(y.dtype()));
  Outcome outcome{y.shape(), {y.values()}};
  for (const Tensor& input : inputs) outcome.values.push_back(input.grad().values());
  return outcome;
}

/// Largest difference, relative to the largest element of `expected` (at least 1).
double distance(const std::vector<double>& got, const std::vector<double>& expected) {
  REQUIRE(got.size() == expected.size());
  double scale = 1;
  double worst = 0;
  for (double v : expected) scale = std::max(scale, std::abs(v));
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(got[i])) return INFINITY;
    worst = std::max(worst, std::abs(got[i] - expected[i]));
  }
  return worst / scale;
}

void compare(const Outcome& got, const Outcome& expected, double tolerance) {
  CHECK(got.shape == expected.shape);
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    CAPTURE(i);
    CHECK(distance(got.values[i], expected.values[i]) <= tolerance);
  }
}

template <class F>
void for_each_sample(F&& f) {
  for (const OpInfo& card : operators())
    for (const Sample& sample : card.samples) {
      CAPTURE(card.name);
      CAPTURE(sample.label);
      f(card, sample);
    }
}

}  // namespace

TEST_CASE("gradients agree with central differences in f64") {
  for_each_sample([](const OpInfo& card, const Sample& sample) {
    const BackendScope scope(Backend::reference);
    const GradientCheck checked = check_gradients(card, sample);
    INFO(checked.where);
    CHECK(checked.worst <= 1e-6);
  });
}

TEST_CASE("every backend agrees with the reference in f64 and f32") {
  for_each_sample([](const OpInfo& card, const Sample& sample) {
    for (const DType dtype : {DType::f64, DType::f32}) {
      CAPTURE(dtype);
      const Outcome expected = [&] {
        const BackendScope scope(Backend::reference);
        return run(card, sample, dtype, dtype);
      }();
      for (const Backend backend : {Backend::blas, Backend::onednn, Backend::automatic}) {
        CAPTURE(name_of(backend));
        const BackendScope scope(backend);
        compare(run(card, sample, dtype, dtype), expected, dtype == DType::f64 ? 1e-12 : 1e-5);
      }
    }
  });
}

TEST_CASE("f32 agrees with f64") {
  for_each_sample([](const OpInfo& card, const Sample& sample) {
    const BackendScope scope(Backend::reference);
    compare(run(card, sample, DType::f32, DType::f32), run(card, sample, DType::f64, DType::f32), 1e-5);
  });
}

TEST_CASE("blocked inputs give what plain ones give") {
  for_each_sample([](const OpInfo& card, const Sample& sample) {
    if (std::ranges::none_of(sample.inputs, [](const Shape& s) { return s.rank() >= 4; })) return;
    const Outcome expected = run(card, sample, DType::f32, DType::bf16);
    for (const Dim block : {3, 8, 16}) {
      CAPTURE(block);
      compare(run(card, sample, DType::f32, DType::bf16, {block}), expected, 1e-5);
      if (!std::isinf(card.bf16_tolerance))
        compare(run(card, sample, DType::bf16, DType::bf16, {block}), expected, card.bf16_tolerance);
    }
  });
}

TEST_CASE("padding lanes of results and gradients are zero") {
  const auto stored = [](const Tensor& t) {
    const std::span<const float> raw = t.raw<float>();
    return std::vector<float>(raw.begin(), raw.end());
  };
  for_each_sample([&](const OpInfo& card, const Sample& sample) {
    if (std::ranges::none_of(sample.inputs, [](const Shape& s) { return s.rank() >= 4; })) return;
    Tensors inputs = draw_inputs(card, sample, DType::f32);
    for (Tensor& input : inputs) {
      if (input.rank() >= 4) input = input.to({16});
      input.requires_grad_();
    }
    const Tensor y = sample.call(inputs);
    CHECK(stored(y) == stored(y.plain().to(y.layout())));
    backward(y, Tensor::full(y.shape(), 1));
    for (const Tensor& input : inputs) {
      const Tensor g = input.grad();
      CHECK(stored(g) == stored(g.plain().to(g.layout())));
    }
  });
}

TEST_CASE("bf16 agrees with f32 to its precision, on every backend") {
  for_each_sample([](const OpInfo& card, const Sample& sample) {
    if (std::isinf(card.bf16_tolerance)) return;
    const BackendScope reference(Backend::reference);
    const Outcome expected = run(card, sample, DType::f32, DType::bf16);
    for (const Backend backend : {Backend::reference, Backend::onednn, Backend::automatic}) {
      CAPTURE(name_of(backend));
      const BackendScope scope(backend);
      compare(run(card, sample, DType::bf16, DType::bf16), expected, card.bf16_tolerance);
    }
  });
}

TEST_CASE("what a card refuses is refused before any work, in words that help") {
  for (const OpInfo& card : operators())
    for (const Rejected& rejected : card.rejects) {
      CAPTURE(card.name);
      CAPTURE(rejected.label);
      CHECK_THROWS_WITH_AS(rejected.call(), doctest::Contains(rejected.mentions.c_str()), Error);
    }
}
