#include "core/ops/check_gradients.h"

#include <cmath>

#include "core/autograd.h"
#include "core/random.h"

namespace fanin {

namespace {

Tensor draw(const Shape& shape, double low, double high, const std::vector<double>& kinks, Stream stream) {
  constexpr double margin = 1e-3;
  Tensor result = Tensor::empty(shape, DType::f64);
  for (double& value : result.mutable_data<double>()) {
    const auto near_kink = [&] {
      for (double kink : kinks)
        if (std::abs(value - kink) < margin) return true;
      return false;
    };
    do value = stream.uniform(low, high);
    while (near_kink());
  }
  return result;
}

double dot(const Tensor& c, const Tensor& y) {
  const Tensor flat = y.plain();
  double sum = 0;
  for (std::size_t i = 0; i < c.data<double>().size(); ++i) sum += c.data<double>()[i] * flat.data<double>()[i];
  return sum;
}

/// The value at one element moved by `step`; the element is restored.
double moved(const Sample& sample, Tensors& inputs, std::size_t input, std::size_t element, double step,
             const Tensor& c) {
  double& x = inputs[input].mutable_data<double>()[element];
  const double before = x;
  x = before + step;
  const double value = dot(c, sample.call(inputs));
  x = before;
  return value;
}

}  // namespace

Tensors draw_inputs(const OpInfo& card, const Sample& sample, DType dtype, std::uint64_t seed) {
  Tensors inputs;
  for (const Shape& shape : sample.inputs)
    inputs.push_back(draw(shape, card.low, card.high, card.kinks, Stream(seed, inputs.size())).as(dtype));
  return inputs;
}

GradientCheck check_gradients(const OpInfo& card, const Sample& sample, std::uint64_t seed) {
  constexpr double step = 1e-6;
  Tensors inputs = draw_inputs(card, sample, DType::f64, seed);
  for (Tensor& input : inputs) input.requires_grad_();
  const Tensor y = sample.call(inputs);
  const Tensor c = draw(y.shape(), -1, 1, {}, Stream(seed, 1000));
  backward(y, c);

  GradientCheck result;
  const NoGrad off;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::vector<double> analytic = inputs[i].grad().values();
    for (std::size_t e = 0; e < analytic.size(); ++e) {
      const double up = moved(sample, inputs, i, e, step, c);
      const double down = moved(sample, inputs, i, e, -step, c);
      const double numeric = (up - down) / (2 * step);
      const double error = std::abs(numeric - analytic[e]);
      if (error <= result.worst) continue;  // a NaN falls through
      result = {error, text("input ", i, ", element ", e, ": numeric ", numeric, ", analytic ", analytic[e])};
      if (std::isnan(error)) return result;
    }
  }
  return result;
}

}  // namespace fanin
