#include <cmath>

#include "init/catalogue.h"
#include "init/distributions.h"
#include "init/schemes.h"

namespace fanin {
namespace {

using Target = const InitTarget&;
using Arguments = const SchemeArguments&;

const SchemeParameter groups_argument = {"groups", "torch", "torch or aware: whether fan_out counts one group only"};

Distribution distribution_of(Arguments a) {
  const std::string& word = a.word("distribution");
  check<Error>(word == "truncated_normal" || word == "normal" || word == "uniform",
               "distribution must be truncated_normal, normal or uniform, got '", word, "'");
  if (word == "normal") return Distribution::normal;
  return word == "uniform" ? Distribution::uniform : Distribution::truncated_normal;
}

struct Variance {
  double scale, fan;
  Distribution distribution;
};

/// A scheme that is variance_scaling with some of it decided.
Scheme scaled(Scheme scheme, std::function<Variance(Target, Arguments)> variance) {
  scheme.refuses = refuse_below_rank_2;
  scheme.fill = [variance](Target t, Arguments a, Generator& g) {
    const Variance v = variance(t, a);
    variance_scaling(*t.tensor, g, v.scale, v.fan, v.distribution);
  };
  scheme.expected = [variance](Target t, Arguments a) {
    const Variance v = variance(t, a);
    check<NumericError>(v.scale > 0, "needs a scale > 0, got ", v.scale);
    return Moments{0, std::sqrt(v.scale / v.fan)};
  };
  return scheme;
}

Scheme lecun(std::string name, std::string formula, std::string use, std::string source, Distribution distribution) {
  return scaled({.name = std::move(name),
                 .formula = std::move(formula),
                 .use = std::move(use),
                 .source = std::move(source),
                 .others = "Keras, JAX, Chainer, timm, mlpack",
                 .arguments = {groups_argument}},
                [distribution](Target t, Arguments a) {
                  return Variance{1, fan_of(t.fans(a.convention()), FanMode::fan_in), distribution};
                });
}

TruncNormalOptions trunc_options(Arguments a) {
  const std::string& method = a.word("method");
  check<Error>(method == "inverse" || method == "rejection", "method must be inverse or rejection, got '", method, "'");
  return {.mean = a.number("mean"),
          .std = a.number("std"),
          .a = a.number("a"),
          .b = a.number("b"),
          .method = method == "inverse" ? TruncNormalOptions::Method::inverse : TruncNormalOptions::Method::rejection};
}

Scheme trunc_normal_scheme() {
  return {.name = "trunc_normal",
          .formula = "N(mean, std²) within [a, b]; bounds are values, std is that before the cut",
          .use = "transformers, MobileNets",
          .source = "torch.nn.init",
          .others = "PyTorch, JAX, Keras, timm (two kinds)",
          .arguments = {{"mean", "0", ""},
                        {"std", "1", "before the cut"},
                        {"a", "-2", "lower bound"},
                        {"b", "2", "upper bound"},
                        {"method", "inverse", "inverse (PyTorch to 2.11) or rejection (from 2.12)"}},
          .fill = [](Target t, Arguments a, Generator& g) { trunc_normal(*t.tensor, g, trunc_options(a)); },
          .expected =
              [](Target, Arguments a) {
                const TruncNormalOptions options = trunc_options(a);
                check<NumericError>(options.std > 0 && options.a <= options.b, "needs std > 0 and a <= b");
                const TruncMoments m = trunc_normal_moments(options);
                return Moments{m.mean, m.std};
              }};
}

Scheme variance_scaling_scheme() {
  return scaled({.name = "variance_scaling",
                 .formula = "variance scale / fan; truncated at 2 σ of the wider normal, whole normal, or uniform",
                 .use = "Keras and JAX recipes",
                 .source = "Keras' VarianceScaling",
                 .others = "Keras, TensorFlow, JAX, timm",
                 .arguments = {{"scale", "1", "numerator"},
                               {"mode", "fan_in", "fan_in, fan_out, fan_avg or fan_geo"},
                               {"distribution", "truncated_normal", "truncated_normal, normal or uniform"},
                               groups_argument}},
                [](Target t, Arguments a) {
                  return Variance{a.number("scale"), fan_of(t.fans(a.convention()), a.mode()), distribution_of(a)};
                });
}

Scheme residual_scheme() {
  return scaled({.name = "residual_normal",
                 .formula = "N(0, 2 / (fan·layers))",
                 .use = "last layer of every residual branch, without normalisation",
                 .source = "Radford et al. 2019 (GPT-2), section 2.3",
                 .others = "GPT-2's code",
                 .arguments = {{"layers", "", "number of residual branches"},
                               {"mode", "fan_in", "as in variance_scaling"},
                               groups_argument}},
                [](Target t, Arguments a) {
                  const double fan = fan_of(t.fans(a.convention()), a.mode());
                  return Variance{2 / a.number("layers"), fan, Distribution::normal};
                });
}

Scheme mean_field_scheme() {
  const auto std_of = [](Target t, Arguments a) {
    const CriticalPoint point = mean_field_critical(a.word("nonlinearity"), a.number("q"));
    if (t.own_name() == "bias") return std::sqrt(point.bias_variance);
    return std::sqrt(point.weight_variance / fan_of(t.fans(), FanMode::fan_in));
  };
  return {
      .name = "mean_field",
      .formula = "weight N(0, σ_w² / fan_in), bias N(0, σ_b²), at the critical point of variance q",
      .use = "very deep plain nets; for `*.weight` and `*.bias` both",
      .source = "Poole et al. 2016; Schoenholz et al. 2017",
      .arguments = {{"nonlinearity", "tanh", "linear, relu, leaky_relu, tanh, sigmoid, erf, selu, elu, silu or gelu"},
                    {"q", "0.5", "variance of a layer's sums"}},
      .refuses =
          [](Target t, Arguments) {
            const bool fits = t.weight.rank() >= 2 && (t.own_name() == "bias" || t.own_name() == "weight");
            return std::string(fits ? "" : "is for weight and bias of layers with fans");
          },
      .fill = [std_of](Target t, Arguments a, Generator& g) { normal(*t.tensor, g, 0, std_of(t, a)); },
      .expected =
          [std_of](Target t, Arguments a) {
            return Moments{0, std_of(t, a)};
          }};
}

Scheme prior_bias_scheme() {
  const auto value = [](Arguments a) {
    const double pi = a.number("pi");
    check<NumericError>(pi > 0 && pi < 1, "needs pi between 0 and 1, got ", pi);
    return -std::log((1 - pi) / pi);
  };
  return {.name = "prior_bias",
          .formula = "−log((1 − π) / π)",
          .use = "last bias of a detector or of rare classes, so that σ(bias) = π",
          .source = "Lin et al. 2017 (focal loss), section 4.1",
          .arguments = {{"pi", "0.01", "share of positives"}},
          .fill = [](Target t, Arguments a, Generator&) { prior_bias(*t.tensor, a.number("pi")); },
          .expected =
              [value](Target, Arguments a) {
                return Moments{value(a), 0};
              }};
}

}  // namespace

std::vector<Scheme> field_schemes() {
  return {
      trunc_normal_scheme(),
      lecun("lecun_normal", "N cut at 2 σ, of variance 1 / fan_in after the cut", "linear, sigmoid",
            "LeCun et al. 1998, section 4.6", Distribution::truncated_normal),
      lecun("lecun_uniform", "U(±√(3 / fan_in))", "linear, sigmoid", "LeCun et al. 1998, section 4.6",
            Distribution::uniform),
      lecun("selu_normal", "N(0, 1 / fan_in)", "SELU, with biases 0", "Klambauer et al. 2017", Distribution::normal),
      variance_scaling_scheme(),
      residual_scheme(),
      mean_field_scheme(),
      prior_bias_scheme()};
}

}  // namespace fanin
