#include "core/ops/unary.h"

#include <cmath>
#include <limits>

#include "core/ops/pointwise.h"

namespace fanin {

Tensor neg(const Tensor& x) {
  return pointwise(
      {"neg"}, x, Layouts::keep, SlopeOf::input, [](auto v) __attribute__((always_inline)) { return -v; },
      [](auto v) __attribute__((always_inline)) { return decltype(v)(-1); });
}

Tensor exp(const Tensor& x) {
  return pointwise(
      {"exp"}, x, Layouts::go_plain, SlopeOf::output, [](auto v) __attribute__((always_inline)) { return std::exp(v); },
      [](auto y) __attribute__((always_inline)) { return y; });
}

Tensor log(const Tensor& x) {
  return pointwise(
      {"log"}, x, Layouts::go_plain, SlopeOf::input, [](auto v) __attribute__((always_inline)) { return std::log(v); },
      [](auto v) __attribute__((always_inline)) { return 1 / v; });
}

Tensor sqrt(const Tensor& x) {
  return pointwise(
      {"sqrt"}, x, Layouts::go_plain, SlopeOf::output,
      [](auto v) __attribute__((always_inline)) { return std::sqrt(v); },
      [](auto y) __attribute__((always_inline)) { return 1 / (2 * y); });
}

Tensor abs(const Tensor& x) {
  return pointwise(
      {"abs"}, x, Layouts::keep, SlopeOf::input, [](auto v) __attribute__((always_inline)) { return std::abs(v); },
      [](auto v) __attribute__((always_inline)) { return decltype(v)((v > 0) - (v < 0)); });
}

Tensor clamp(const Tensor& x, double low, double high) {
  check<NumericError>(low <= high, "clamp: the lower bound ", low, " is not below the upper one ", high);
  return pointwise(
      {"clamp", {{"min", low}, {"max", high}}}, x, low <= 0 && 0 <= high ? Layouts::keep : Layouts::go_plain,
      SlopeOf::input,
      [=](auto v) __attribute__((always_inline)) {
        const auto above = v < decltype(v)(low) ? decltype(v)(low) : v;  // keeps NaN
        return above > decltype(v)(high) ? decltype(v)(high) : above;
      },
      [=](auto v)
          __attribute__((always_inline)) { return decltype(v)(v >= decltype(v)(low) && v <= decltype(v)(high)); });
}

namespace {

OpInfo card(std::string_view name, Tensor (*op)(const Tensor&)) {
  const auto call = [op](const Tensors& in) { return op(in[0]); };
  return {.name = name,
          .samples = {{"vector", {{7}}, call}, {"image", {{2, 3, 4, 5}}, call}, {"empty", {{0, 3}}, call}},
          .rejects = {{"integers", [op] { op(Tensor::zeros({2}, DType::i64)); }, std::string(name)},
                      {"undefined", [op] { op({}); }, "undefined"}}};
}

OpInfo positive(OpInfo info) {
  info.low = 0.2;
  return info;
}

}  // namespace

OpInfo neg_info() { return card("neg", neg); }
OpInfo exp_info() { return card("exp", exp); }
OpInfo log_info() { return positive(card("log", log)); }
OpInfo sqrt_info() { return positive(card("sqrt", sqrt)); }

OpInfo abs_info() {
  OpInfo info = card("abs", abs);
  info.kinks = {0};
  return info;
}

OpInfo clamp_info() {
  OpInfo info = card("clamp", [](const Tensor& x) { return clamp(x, -0.5, 1); });
  constexpr double infinity = std::numeric_limits<double>::infinity();
  info.samples.push_back({"zero outside", {{2, 3, 4, 5}}, [](const Tensors& in) { return clamp(in[0], 0.5, 1); }});
  info.samples.push_back({"one bound", {{7}}, [](const Tensors& in) { return clamp(in[0], -0.5, infinity); }});
  info.rejects.push_back({"bounds", [] { clamp(Tensor::zeros({2}), 1, 0.5); }, "0.5"});
  info.kinks = {-0.5, 0.5, 1};
  return info;
}

}  // namespace fanin
