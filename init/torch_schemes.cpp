#include <cmath>

#include "init/catalogue.h"
#include "init/schemes.h"

namespace fanin {
namespace {

using Target = const InitTarget&;
using Arguments = const SchemeArguments&;

const SchemeParameter groups_argument = {"groups", "torch", "torch or aware: whether fan_out counts one group only"};
const std::string glorot = "Glorot & Bengio 2010, eq. 16";
const std::string he = "He et al. 2015, section 2.2";

double xavier_std(Target t, Arguments a) { return fanin::xavier_std(t.fans(a.convention()), a.gain()); }

double kaiming_gain(Arguments a) { return calculate_gain(a.word("nonlinearity"), a.number("a")); }

double kaiming_std(Target t, Arguments a) {
  const FanMode mode = a.mode();
  check<Error>(mode == FanMode::fan_in || mode == FanMode::fan_out, "kaiming: mode ", name_of(mode),
               " is not supported; use fan_in or fan_out, or variance_scaling");
  return fanin::kaiming_std(fan_of(t.fans(a.convention()), mode), kaiming_gain(a));
}

using Std = double (*)(Target, Arguments);

void fill_uniform(Target t, double std, Generator& g) {
  const double bound = std::sqrt(3.0) * std;
  if (t.tensor->numel() > 0) uniform(*t.tensor, g, -bound, bound);
}

/// A scheme of mean 0 whose standard deviation follows from fans.
Scheme scaled(Scheme scheme, Std std, bool is_uniform) {
  scheme.refuses = refuse_below_rank_2;
  scheme.expected = [std](Target t, Arguments a) { return Moments{0, std(t, a)}; };
  if (is_uniform)
    scheme.fill = [std](Target t, Arguments a, Generator& g) { fill_uniform(t, std(t, a), g); };
  else
    scheme.fill = [std](Target t, Arguments a, Generator& g) {
      if (t.tensor->numel() > 0) normal(*t.tensor, g, 0, std(t, a));
    };
  return scheme;
}

Scheme xavier(bool is_uniform) {
  return scaled({.name = is_uniform ? "xavier_uniform" : "xavier_normal",
                 .formula = is_uniform ? "U(±√3·σ), σ = gain·√(2 / (fan_in + fan_out))"
                                       : "N(0, σ²), σ = gain·√(2 / (fan_in + fan_out))",
                 .use = "tanh, sigmoid, linear",
                 .source = glorot,
                 .others = "all; Keras' default (uniform)",
                 .arguments = {{"gain", "1", "factor on σ, or a nonlinearity's name"}, groups_argument},
                 .gain = [](Arguments a) { return a.gain(); }},
                xavier_std, is_uniform);
}

Scheme kaiming(bool is_uniform) {
  return scaled({.name = is_uniform ? "kaiming_uniform" : "kaiming_normal",
                 .formula = is_uniform ? "U(±√3·σ), σ = gain / √fan" : "N(0, σ²), σ = gain / √fan",
                 .use = "ReLU and its kin",
                 .source = he,
                 .others = "all but dlib; Flashlight's lacks the √2",
                 .arguments = {{"mode", "fan_in", "fan_in or fan_out"},
                               {"nonlinearity", "leaky_relu", "whose gain"},
                               {"a", "0", "negative slope of leaky_relu"},
                               groups_argument},
                 .gain = kaiming_gain},
                kaiming_std, is_uniform);
}

std::vector<Scheme> fills() {
  return {
      {.name = "default",
       .formula = "as PyTorch's constructor: weight and bias U(±1/√fan_in); normalisation 1 and 0",
       .use = "to equal an untouched PyTorch layer",
       .source = "pytorch#15314",
       .others = "PyTorch, Equinox, MLX, burn",
       .refuses =
           [](Target t, Arguments) {
             return has_torch_default(t) ? std::string() : "has no default in PyTorch; name a scheme for it";
           },
       .fill = [](Target, Arguments, Generator&) {},
       .expected = [](Target t, Arguments) { return torch_default_moments(t); },
       .after_default = true},
      {.name = "uniform",
       .formula = "U[a, b)",
       .others = "all",
       .arguments = {{"a", "0", "lower bound"}, {"b", "1", "upper bound"}},
       .fill = [](Target t, Arguments a, Generator& g) { uniform(*t.tensor, g, a.number("a"), a.number("b")); },
       .expected =
           [](Target, Arguments a) {
             const double low = a.number("a");
             const double high = a.number("b");
             check<Error>(low <= high, "uniform: a must be <= b, got a = ", low, ", b = ", high);
             return Moments{(low + high) / 2, (high - low) / std::sqrt(12.0)};
           }},
      {.name = "normal",
       .formula = "N(mean, std²)",
       .others = "all",
       .arguments = {{"mean", "0", ""}, {"std", "1", "standard deviation"}},
       .fill = [](Target t, Arguments a, Generator& g) { normal(*t.tensor, g, a.number("mean"), a.number("std")); },
       .expected =
           [](Target, Arguments a) {
             check<Error>(a.number("std") >= 0, "normal: std must be >= 0, got ", a.number("std"));
             return Moments{a.number("mean"), a.number("std")};
           }},
      {.name = "constant",
       .formula = "value; a bare number means the same",
       .others = "all",
       .arguments = {{"value", "", "the number"}},
       .fill = [](Target t, Arguments a, Generator&) { constant(*t.tensor, a.number("value")); },
       .expected =
           [](Target, Arguments a) {
             return Moments{a.number("value"), 0};
           }},
      {.name = "ones",
       .formula = "1",
       .use = "weights of normalisation layers",
       .others = "all",
       .fill = [](Target t, Arguments, Generator&) { ones(*t.tensor); },
       .expected =
           [](Target, Arguments) {
             return Moments{1, 0};
           }},
      {.name = "zeros",
       .formula = "0",
       .use = "biases",
       .others = "all",
       .fill = [](Target t, Arguments, Generator&) { zeros(*t.tensor); },
       .expected =
           [](Target, Arguments) {
             return Moments{0, 0};
           }},
  };
}

}  // namespace

std::string refuse_below_rank_2(Target target, Arguments) {
  if (target.shape().rank() >= 2) return {};
  return "needs 2 dimensions or more for its fans; constant, uniform, normal, zeros and default do not";
}

std::vector<Scheme> torch_schemes() {
  std::vector<Scheme> list = fills();
  for (const bool is_uniform : {true, false}) list.push_back(xavier(is_uniform));
  for (const bool is_uniform : {true, false}) list.push_back(kaiming(is_uniform));
  return list;
}

}  // namespace fanin
