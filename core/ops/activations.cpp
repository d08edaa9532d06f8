#include "core/ops/activations.h"

#include <cmath>
#include <numbers>

#include "core/ops/pointwise.h"

namespace fanin {

namespace {

template <class C>
[[gnu::always_inline]] inline C logistic(C v) {
  return 1 / (1 + std::exp(-v));
}

/// Argument of the tanh in gelu's second form, and its slope.
template <class C>
[[gnu::always_inline]] inline C gelu_inner(C v) {
  return C(std::numbers::sqrt2 * std::numbers::inv_sqrtpi) * (v + C(0.044715) * v * v * v);
}
template <class C>
[[gnu::always_inline]] inline C gelu_inner_slope(C v) {
  return C(std::numbers::sqrt2 * std::numbers::inv_sqrtpi) * (1 + C(3 * 0.044715) * v * v);
}

Tensor scaled_elu(const Op& op, const Tensor& x, double scale, double alpha) {
  return pointwise(
      op, x, Layouts::keep, SlopeOf::input,
      [=](auto v) __attribute__((always_inline)) {
        using C = decltype(v);
        return v > 0 ? C(scale) * v : C(scale * alpha) * std::expm1(v);
      },
      [=](auto v) __attribute__((always_inline)) {
        using C = decltype(v);
        return v > 0 ? C(scale) : C(scale * alpha) * std::exp(v);
      });
}

Tensor gelu_erf(const Op& op, const Tensor& x) {
  return pointwise(
      op, x, Layouts::keep, SlopeOf::input, [](auto v) __attribute__((always_inline)) {
        using C = decltype(v);
        return C(0.5) * v * (1 + std::erf(v * C(1 / std::numbers::sqrt2)));
      },
      [](auto v) __attribute__((always_inline)) {
        using C = decltype(v);
        const C density = C(std::numbers::inv_sqrtpi / std::numbers::sqrt2) * std::exp(C(-0.5) * v * v);
        return C(0.5) * (1 + std::erf(v * C(1 / std::numbers::sqrt2))) + v * density;
      });
}

Tensor gelu_tanh(const Op& op, const Tensor& x) {
  return pointwise(
      op, x, Layouts::keep, SlopeOf::input,
      [](auto v) __attribute__((always_inline)) { return decltype(v)(0.5) * v * (1 + std::tanh(gelu_inner(v))); },
      [](auto v) __attribute__((always_inline)) {
        const auto t = std::tanh(gelu_inner(v));
        return decltype(v)(0.5) * (1 + t + v * (1 - t * t) * gelu_inner_slope(v));
      });
}

}  // namespace

Tensor leaky_relu(const Tensor& x, double negative_slope) {
  return pointwise(
      {"leaky_relu", {{"negative_slope", negative_slope}}}, x, Layouts::keep, SlopeOf::input,
      [=](auto v) __attribute__((always_inline)) { return v > 0 ? v : v * decltype(v)(negative_slope); },
      [=](auto v) __attribute__((always_inline)) { return v > 0 ? decltype(v)(1) : decltype(v)(negative_slope); });
}

Tensor elu(const Tensor& x, double alpha) { return scaled_elu({"elu", {{"alpha", alpha}}}, x, 1, alpha); }

Tensor selu(const Tensor& x) {
  return scaled_elu({"selu"}, x, 1.0507009873554804934193349852946, 1.6732632423543772848170429916717);
}

Tensor gelu(const Tensor& x, GeluForm form) {
  if (form == GeluForm::tanh) return gelu_tanh({"gelu", {{"approximate", std::string("tanh")}}}, x);
  return gelu_erf({"gelu", {{"approximate", std::string("none")}}}, x);
}

Tensor silu(const Tensor& x) {
  return pointwise(
      {"silu"}, x, Layouts::keep, SlopeOf::input, [](auto v) __attribute__((always_inline)) { return v * logistic(v); },
      [](auto v) __attribute__((always_inline)) {
        const auto s = logistic(v);
        return s * (1 + v * (1 - s));
      });
}

Tensor sigmoid(const Tensor& x) {
  return pointwise(
      {"sigmoid"}, x, Layouts::go_plain, SlopeOf::output,
      [](auto v) __attribute__((always_inline)) { return logistic(v); },
      [](auto y) __attribute__((always_inline)) { return y * (1 - y); });
}

Tensor tanh(const Tensor& x) {
  return pointwise(
      {"tanh"}, x, Layouts::keep, SlopeOf::output, [](auto v) __attribute__((always_inline)) { return std::tanh(v); },
      [](auto y) __attribute__((always_inline)) { return 1 - y * y; });
}

namespace {

OpInfo card(std::string_view name, Tensor (*op)(const Tensor&), std::vector<double> kinks = {}) {
  const auto call = [op](const Tensors& in) { return op(in[0]); };
  return {.name = name,
          .samples = {{"vector", {{7}}, call}, {"image", {{2, 21, 2, 3}}, call}, {"empty", {{0, 3}}, call}},
          .rejects = {{"integers", [op] { op(Tensor::zeros({2}, DType::i64)); }, std::string(name)},
                      {"undefined", [op] { op({}); }, "undefined"}},
          .kinks = std::move(kinks)};
}

}  // namespace

OpInfo leaky_relu_info() {
  return card("leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.1); }, {0});
}
OpInfo elu_info() {
  return card("elu", [](const Tensor& x) { return elu(x, 1.5); }, {0});
}
OpInfo selu_info() { return card("selu", selu, {0}); }
OpInfo gelu_info() {
  OpInfo info = card("gelu", [](const Tensor& x) { return gelu(x); });
  info.samples.push_back({"tanh form", {{7}}, [](const Tensors& in) { return gelu(in[0], GeluForm::tanh); }});
  return info;
}
OpInfo silu_info() { return card("silu", silu); }
OpInfo sigmoid_info() { return card("sigmoid", sigmoid); }
OpInfo tanh_info() { return card("tanh", tanh); }

}  // namespace fanin
