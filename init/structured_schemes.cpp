#include <algorithm>
#include <cmath>

#include "init/catalogue.h"
#include "init/orthogonal.h"
#include "init/structured.h"

namespace fanin {
namespace {

using Target = const InitTarget&;
using Arguments = const SchemeArguments&;

const SchemeParameter gain_argument = {"gain", "1", "factor, or a nonlinearity's name"};
const SchemeParameter groups_argument = {"groups", "aware", "aware: every group by itself; torch: as one"};

Dim groups_of(Target t, Arguments a) { return a.convention() == FanConvention::aware ? t.use.groups : 1; }

double gain_of(Arguments a) { return a.gain(); }

std::string refuse_other_than_matrix(Target t, Arguments) {
  return t.shape().rank() == 2 ? std::string() : "needs 2 dimensions; dirac and orthogonal take kernels";
}

std::string refuse_no_kernel(Target t, Arguments) {
  const int rank = t.shape().rank();
  return rank >= 3 && rank <= 5 ? std::string() : "needs 3, 4 or 5 dimensions; eye takes 2";
}

/// Outputs, and inputs, of a weight used as it is by its layer: groups apart, transposed ones not offered.
std::string refuse_shrinking(Target t, Arguments a) {
  if (t.shape().rank() < 2) return refuse_below_rank_2(t, a);
  if (t.shape()[0] / groups_of(t, a) >= t.shape()[1]) return {};
  return "needs at least as many outputs as inputs (in a group) to preserve norms; use orthogonal";
}

Moments of_orthogonal_rows(Target t, double gain) {
  const Shape& s = t.shape();
  return {0, gain / std::sqrt(static_cast<double>(std::max(s[0], s.numel_from(1))))};
}

/// Every input of every group has `gain` as the norm of its column.
Moments of_isometry(Target t, Arguments a) {
  const Shape& s = t.shape();
  const double outputs = static_cast<double>(s[0] / groups_of(t, a) * s.numel_from(2));
  return {0, a.gain() / std::sqrt(outputs)};
}

Moments of_ones(Target t, double ones) {
  const double mean = ones / static_cast<double>(t.shape().numel());
  return {mean, std::sqrt(mean - mean * mean)};
}

Mirror mirror_of(Arguments a) {
  const std::string& word = a.word("mirror");
  check<Error>(word == "both" || word == "outputs" || word == "inputs", "mirror must be both, outputs or inputs, got '",
               word, "'");
  return word == "both" ? Mirror::both : word == "outputs" ? Mirror::outputs : Mirror::inputs;
}

OrthogonalOptions::Flatten flatten_of(Arguments a) {
  const std::string& word = a.word("flatten");
  check<Error>(word == "torch" || word == "keras", "flatten must be torch or keras, got '", word, "'");
  return word == "torch" ? OrthogonalOptions::Flatten::torch : OrthogonalOptions::Flatten::keras;
}

std::vector<Scheme> of_torch() {
  return {
      {.name = "orthogonal",
       .formula = "gain·Q, Q of the QR of a Gaussian [out, in·K]",
       .use = "deep linear, tanh and recurrent nets",
       .source = "Saxe et al. 2013",
       .others = "PyTorch, Keras, JAX, Chainer, MXNet, mlpack, burn, MLX",
       .arguments = {gain_argument, {"flatten", "torch", "torch or keras: the order of the draws"}},
       .refuses = refuse_below_rank_2,
       .fill = [](Target t, Arguments a,
                  Generator& g) { orthogonal(*t.tensor, g, {.gain = a.gain(), .flatten = flatten_of(a)}); },
       .expected =
           [](Target t, Arguments a) {
             flatten_of(a);
             return of_orthogonal_rows(t, a.gain());
           },
       .gain = gain_of},
      {.name = "eye",
       .formula = "1 on the diagonal, else 0",
       .source = "Le et al. 2015 (IRNN)",
       .others = "Keras, PyTorch, MLX",
       .refuses = refuse_other_than_matrix,
       .fill = [](Target t, Arguments, Generator&) { eye(*t.tensor); },
       .expected = [](Target t,
                      Arguments) { return of_ones(t, static_cast<double>(std::min(t.shape()[0], t.shape()[1]))); }},
      {.name = "dirac",
       .formula = "identity at the centre tap, else 0",
       .use = "deep nets without shortcuts",
       .source = "Zagoruyko & Komodakis 2017",
       .others = "PyTorch",
       .arguments = {{"groups", "torch", "torch: the identity once; aware: in every group"}},
       .refuses = refuse_no_kernel,
       .fill = [](Target t, Arguments a, Generator&) { dirac(*t.tensor, groups_of(t, a)); },
       .expected =
           [](Target t, Arguments a) {
             const Dim groups = groups_of(t, a);
             return of_ones(t, static_cast<double>(groups * std::min(t.shape()[0] / groups, t.shape()[1])));
           }},
      {.name = "sparse",
       .formula = "N(0, std²), ⌈sparsity·rows⌉ of each column 0",
       .source = "Martens 2010",
       .others = "PyTorch, MLX, Caffe",
       .arguments = {{"sparsity", "", "share of zeros in each column"}, {"std", "0.01", "of the others"}},
       .refuses = refuse_other_than_matrix,
       .fill = [](Target t, Arguments a, Generator& g) { sparse(*t.tensor, g, a.number("sparsity"), a.number("std")); },
       .expected =
           [](Target t, Arguments a) {
             const auto rows = static_cast<double>(t.shape()[0]);
             const double kept = std::max(0.0, rows - std::ceil(a.number("sparsity") * rows)) / rows;
             return Moments{0, a.number("std") * std::sqrt(kept)};
           }},
  };
}

std::vector<Scheme> of_the_field() {
  return {
      {.name = "delta_orthogonal",
       .formula = "gain·Q at the centre tap, else 0: an isometry",
       .use = "very deep plain conv nets",
       .source = "Xiao et al. 2018, alg. 2",
       .others = "JAX, TensorFlow 1",
       .arguments = {gain_argument, groups_argument},
       .refuses = refuse_shrinking,
       .fill = [](Target t, Arguments a,
                  Generator& g) { delta_orthogonal(*t.tensor, g, {.gain = a.gain(), .groups = groups_of(t, a)}); },
       .expected = of_isometry,
       .gain = gain_of},
      {.name = "block_orthogonal",
       .formula = "gain·Π(P + (I − P)·z)·Q over steps and axes: an isometry that uses all taps",
       .use = "very deep plain conv nets",
       .source = "Xiao et al. 2018, alg. 1",
       .others = "TensorFlow 1",
       .arguments = {gain_argument, groups_argument},
       .refuses = refuse_shrinking,
       .fill = [](Target t, Arguments a,
                  Generator& g) { block_orthogonal(*t.tensor, g, {.gain = a.gain(), .groups = groups_of(t, a)}); },
       .expected = of_isometry,
       .gain = gain_of},
      {.name = "looks_linear",
       .formula = "[[W, −W], [−W, W]] over channels, W = gain·Q",
       .use = "ReLU nets that start linear",
       .source = "Balduzzi et al. 2017",
       .arguments = {gain_argument, {"mirror", "both", "both; outputs (first layer); inputs (last layer)"}},
       .refuses =
           [](Target t, Arguments a) {
             if (t.shape().rank() < 2) return refuse_below_rank_2(t, a);
             const Mirror mirror = mirror_of(a);
             const bool odd_out = mirror != Mirror::inputs && t.shape()[0] % 2 != 0;
             const bool odd_in = mirror != Mirror::outputs && t.shape()[1] % 2 != 0;
             return std::string(odd_out || odd_in ? "needs an even number of mirrored channels; see its `mirror`" : "");
           },
       .fill = [](Target t, Arguments a, Generator& g) { looks_linear(*t.tensor, g, a.gain(), mirror_of(a)); },
       .expected =
           [](Target t, Arguments a) {
             const Mirror mirror = mirror_of(a);
             const Dim out = t.shape()[0] / (mirror == Mirror::inputs ? 1 : 2);
             const Dim in = t.shape().numel_from(1) / (mirror == Mirror::outputs ? 1 : 2);
             return Moments{0, a.gain() / std::sqrt(static_cast<double>(std::max(out, in)))};
           },
       .gain = gain_of},
      {.name = "partial_dirac",
       .formula = "identity in the first fan-in filters, the others as PyTorch's constructor draws them",
       .use = "all convolutions but the first",
       .source = "Jordan 2024 (airbench)",
       .others = "airbench",
       .refuses =
           [](Target t, Arguments a) {
             return has_torch_default(t) ? refuse_no_kernel(t, a) : "needs a layer that PyTorch has a default for";
           },
       .fill = [](Target t, Arguments, Generator&) { partial_dirac(*t.tensor); },
       .after_default = true},
      {.name = "zero_init",
       .formula = "identity, or c·I·H·I (Hadamard) where channels grow: nothing drawn",
       .use = "residual nets, with zeros for the last layer of branches",
       .source = "Zhao et al. 2021 (ZerO)",
       .refuses = refuse_below_rank_2,
       .fill = [](Target t, Arguments, Generator&) { zero_init(*t.tensor); }},
  };
}

}  // namespace

std::vector<Scheme> structured_schemes() {
  std::vector<Scheme> list = of_torch();
  std::ranges::copy(of_the_field(), std::back_inserter(list));
  return list;
}

}  // namespace fanin
