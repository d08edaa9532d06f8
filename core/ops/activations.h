#pragma once

#include <cstdint>

#include "core/ops/op_info.h"

namespace fanin {

// Activation functions besides relu, element by element.
//
// x  any shape; f32, f64, bf16    →  same shape and dtype
//
// All but sigmoid map zero to zero and keep a blocked layout; sigmoid goes plain first. NaN stays NaN.
// Same as torch.nn.functional's functions of these names.

/// x where x > 0, else negative_slope · x.
/// Gradient: dy where x > 0, else negative_slope · dy, also at 0. Saved for backward: the input.
/// Source: Maas et al. 2013.
Tensor leaky_relu(const Tensor& x, double negative_slope = 0.01);
OpInfo leaky_relu_info();

/// x where x > 0, else alpha · (eˣ − 1).
/// Gradient: dy where x > 0, else dy · alpha · eˣ, also at 0. Saved for backward: the input.
/// Source: Clevert et al. 2016 (arXiv:1511.07289).
Tensor elu(const Tensor& x, double alpha = 1);
OpInfo elu_info();

/// scale · elu(x, alpha) with the two constants under which a deep net keeps mean 0 and variance 1:
/// scale = 1.05070098…, alpha = 1.67326324….
/// Gradient: that of elu times scale. Saved for backward: the input.
/// Source: Klambauer et al. 2017 (arXiv:1706.02515), equation 14.
Tensor selu(const Tensor& x);
OpInfo selu_info();

/// How gelu computes the normal distribution: by the error function, or by PyTorch's approximate="tanh".
enum class GeluForm : std::uint8_t { erf, tanh };

/// x · Φ(x), Φ the standard normal distribution function:
///
///   erf   x/2 · (1 + erf(x/√2))
///   tanh  x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))), within 5e-4 of it
///
/// Gradient: that of the form taken. Saved for backward: the input.
/// Source: Hendrycks and Gimpel 2016 (arXiv:1606.08415).
Tensor gelu(const Tensor& x, GeluForm form = GeluForm::erf);
OpInfo gelu_info();

/// x · sigmoid(x), also called swish.
/// Gradient: dy · s · (1 + x · (1 − s)), s = sigmoid(x). Saved for backward: the input.
/// Source: Elfwing et al. 2017 (arXiv:1702.03118).
Tensor silu(const Tensor& x);
OpInfo silu_info();

/// 1 / (1 + e⁻ˣ). Gradient: dy · y · (1 − y). Saved for backward: the output.
Tensor sigmoid(const Tensor& x);
OpInfo sigmoid_info();

/// (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ). Gradient: dy · (1 − y²). Saved for backward: the output.
Tensor tanh(const Tensor& x);
OpInfo tanh_info();

}  // namespace fanin
