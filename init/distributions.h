#pragma once

#include <span>
#include <string_view>

#include "core/random.h"
#include "init/fan.h"

namespace fanin {

struct TruncNormalOptions {
  double mean = 0;
  double std = 1;
  double a = -2;  // bounds are values, not multiples of std
  double b = 2;
  /// inverse    the normal's inverse distribution function of a uniform: torch.nn.init.trunc_normal_ up to 2.11. In
  ///            f32 a bound far out in the tail can come up itself, once in 2^24 draws (pytorch#155588).
  /// rejection  whole tensors of normals, of which elements outside are drawn again: the algorithm of PyTorch from 2.12
  /// on,
  ///            which was not at hand to compare. How many numbers are drawn depends on the numbers. Bounds that hold
  ///            30 % of the normal or less take uniform proposals instead, in an order that is fanin's own.
  enum class Method : std::uint8_t { inverse, rejection } method = Method::inverse;
};

/// N(mean, std²) given that it falls within [a, b]. The standard deviation that remains is smaller than std: 0.87963
/// of it for ±2. The last bits of `inverse` hang on the C library's erf, exp and log (5 units at most).
/// Throws NumericError if std is not positive, or a > b.
void trunc_normal(Tensor& t, Generator& generator, TruncNormalOptions options = {});
/// Mean and standard deviation of that distribution.
struct TruncMoments {
  double mean, std;
};
TruncMoments trunc_normal_moments(const TruncNormalOptions& options);

/// The inverse of erf, for x of [−1, 1]: a rational start and two Newton steps, in T, as PyTorch computes it.
float erfinv(float x, bool fused);
double erfinv(double x, bool fused);

enum class Distribution : std::uint8_t { truncated_normal, normal, uniform };

/// Mean 0 and variance scale / fan: truncated_normal draws N(0, (std / 0.87962566103423978)²) within two of its
/// standard deviations, so that std is what remains; uniform is U(±√3·std).
/// Throws NumericError unless scale > 0. Source: Keras' VarianceScaling; LeCun et al. 1998 for scale 1 and fan_in.
void variance_scaling(Tensor& t, Generator& generator, double scale, double fan, Distribution distribution);

/// Mean 0 and variance 1 / fan_in: a normal cut at two of its standard deviations, as in variance_scaling, or
/// U(±√(3 / fan_in)). Source: LeCun et al. 1998, "Efficient backprop", section 4.6.
void lecun_normal(Tensor& t, Generator& generator);
void lecun_uniform(Tensor& t, Generator& generator);
/// N(0, 1 / fan_in), for SELU with biases 0. Source: Klambauer et al. 2017, "Self-normalizing neural networks".
void selu_normal(Tensor& t, Generator& generator);
/// N(0, 2 / (fan·layers)): Kaiming's spread over √layers, for the last layer of each of `layers` residual branches, so
/// that their sum keeps the size of one. Throws NumericError unless layers > 0.
/// Source: Radford et al. 2019 (GPT-2), section 2.3.
void residual_normal(Tensor& t, Generator& generator, double layers, FanMode mode = FanMode::fan_in);

/// Where a deep network of layers of this nonlinearity neither forgets nor scrambles its input: weights of variance
/// σ_w² / fan_in and biases of variance σ_b² that keep the variance q of a layer's sums,
///   σ_w²·E[φ(√q·z)²] + σ_b² = q,   and for which perturbations neither grow nor shrink, σ_w²·E[φ'(√q·z)²] = 1,
/// z being N(0, 1). For linear, relu, leaky_relu (slope 0.01; these ask for σ_b = 0), tanh, sigmoid, erf, selu, elu,
/// silu, gelu. Throws Error on other names, NumericError unless q > 0, or if no σ_b does it. Source: Poole et al. 2016;
/// Schoenholz et al. 2017, "Deep information propagation".
struct CriticalPoint {
  double weight_variance, bias_variance;
};
CriticalPoint mean_field_critical(std::string_view nonlinearity, double q);

/// A classifier's bias that makes its first softmax give the classes' frequencies: log of them. Throws NumericError
/// unless there is one positive frequency a class.
void prior_bias(Tensor& bias, std::span<const double> frequencies);
/// −log((1 − π) / π): a detector's bias whose sigmoid is π, the share of positives. Throws NumericError unless
/// 0 < π < 1. Source: Lin et al. 2017 (focal loss), section 4.1.
void prior_bias(Tensor& bias, double pi);

}  // namespace fanin
