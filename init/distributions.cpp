#include "init/distributions.h"

#include <cmath>
#include <functional>
#include <numbers>

#include "core/nearest.h"
#include "init/schemes.h"

namespace fanin {
namespace {

// Klambauer et al. 2017.
constexpr double selu_scale = 1.0507009873554804934;
constexpr double selu_alpha = 1.6732632423543772848;

struct Activation {
  std::string_view name;
  double (*value)(double);
  double (*slope)(double);
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double normal_cdf(double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; }

const std::vector<Activation>& activations() {
  static const std::vector<Activation> list = {
      {"linear", [](double x) { return x; }, [](double) { return 1.0; }},
      {"relu", [](double x) { return x > 0 ? x : 0; }, [](double x) { return x > 0 ? 1.0 : 0.0; }},
      {"leaky_relu", [](double x) { return x > 0 ? x : 0.01 * x; }, [](double x) { return x > 0 ? 1.0 : 0.01; }},
      {"tanh", [](double x) { return std::tanh(x); }, [](double x) { return 1 / (std::cosh(x) * std::cosh(x)); }},
      {"sigmoid", sigmoid, [](double x) { return sigmoid(x) * (1 - sigmoid(x)); }},
      {"erf", [](double x) { return std::erf(x); },
       [](double x) { return 2 / std::sqrt(std::numbers::pi) * std::exp(-x * x); }},
      {"selu", [](double x) { return selu_scale * (x > 0 ? x : selu_alpha * std::expm1(x)); },
       [](double x) { return selu_scale * (x > 0 ? 1 : selu_alpha * std::exp(x)); }},
      {"elu", [](double x) { return x > 0 ? x : std::expm1(x); }, [](double x) { return x > 0 ? 1 : std::exp(x); }},
      {"silu", [](double x) { return x * sigmoid(x); },
       [](double x) { return sigmoid(x) * (1 + x * (1 - sigmoid(x))); }},
      {"gelu", [](double x) { return x * normal_cdf(x); },
       [](double x) { return normal_cdf(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }},
  };
  return list;
}

/// E[f(√q·z)²], z of N(0, 1). The midpoint rule on ±10 with the kink at 0 between two points.
double mean_square(double (*f)(double), double q) {
  constexpr int points = 20000;
  constexpr double step = 20.0 / points;
  double sum = 0;
  for (int i = 0; i < points; ++i) {
    const double z = -10 + (i + 0.5) * step;
    const double v = f(std::sqrt(q) * z);
    sum += v * v * std::exp(-z * z / 2);
  }
  return sum * step / std::sqrt(2 * std::numbers::pi);
}

}  // namespace

void variance_scaling(Tensor& t, Generator& generator, double scale, double fan, Distribution distribution) {
  check<NumericError>(scale > 0, "variance_scaling: scale must be > 0, got ", scale);
  if (t.numel() == 0) return;
  const double std = std::sqrt(scale / fan);
  switch (distribution) {
    case Distribution::normal: return normal(t, generator, 0, std);
    case Distribution::uniform: return uniform(t, generator, -std::sqrt(3.0) * std, std::sqrt(3.0) * std);
    case Distribution::truncated_normal: {
      const double wide = std / 0.87962566103423978;  // of N(0, 1) within ±2
      return trunc_normal(t, generator, {.std = wide, .a = -2 * wide, .b = 2 * wide});
    }
  }
}

void lecun_normal(Tensor& t, Generator& generator) {
  variance_scaling(t, generator, 1, fan_of(fans(t.shape()), FanMode::fan_in), Distribution::truncated_normal);
}

void lecun_uniform(Tensor& t, Generator& generator) {
  variance_scaling(t, generator, 1, fan_of(fans(t.shape()), FanMode::fan_in), Distribution::uniform);
}

void selu_normal(Tensor& t, Generator& generator) {
  variance_scaling(t, generator, 1, fan_of(fans(t.shape()), FanMode::fan_in), Distribution::normal);
}

void residual_normal(Tensor& t, Generator& generator, double layers, FanMode mode) {
  check<NumericError>(layers > 0, "residual_normal: layers must be > 0, got ", layers);
  variance_scaling(t, generator, 2 / layers, fan_of(fans(t.shape()), mode), Distribution::normal);
}

CriticalPoint mean_field_critical(std::string_view nonlinearity, double q) {
  check<NumericError>(q > 0 && std::isfinite(q), "mean_field: q must be > 0, got ", q);
  std::vector<std::string_view> names;
  for (const Activation& one : activations()) names.push_back(one.name);
  const auto found = std::ranges::find(activations(), nonlinearity, &Activation::name);
  check<Error>(found != activations().end(), "mean_field: nonlinearity '", nonlinearity, "' is not known",
               did_you_mean(nonlinearity, names));
  const double weight = 1 / mean_square(found->slope, q);
  const double bias = q - weight * mean_square(found->value, q);
  check<NumericError>(bias > -1e-6 * q, "mean_field: ", nonlinearity, " has no critical point at q = ", q,
                      ": sigma_b^2 would be ", bias);
  // For piecewise linear activations the true value is 0, and what remains is the quadrature's rounding.
  return {weight, bias < 1e-9 * q ? 0 : bias};
}

void prior_bias(Tensor& bias, double pi) {
  check<NumericError>(pi > 0 && pi < 1, "prior_bias: pi must be between 0 and 1, got ", pi);
  bias.fill_(-std::log((1 - pi) / pi));
}

void prior_bias(Tensor& bias, std::span<const double> frequencies) {
  check<NumericError>(bias.numel() == static_cast<Dim>(frequencies.size()), "prior_bias: ", frequencies.size(),
                      " frequencies for a bias of shape ", bias.shape());
  double sum = 0;
  for (const double f : frequencies) {
    check<NumericError>(f > 0, "prior_bias: a frequency must be > 0, got ", f);
    sum += f;
  }
  fill_elements(bias, [&](auto out) {
    using T = typename decltype(out)::element_type;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<T>(std::log(frequencies[i] / sum));
  });
}

}  // namespace fanin
