#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "layers/module.h"

namespace fanin {

/// Number of terms in the sum of one output (in), and number of outputs one input reaches (out), for one position.
struct Fans {
  Dim in = 0;
  Dim out = 0;
  bool operator==(const Fans&) const = default;
};

/// Two ways to count, which differ for grouped and for transposed convolutions.
///
/// With K = product of the kernel's sizes, and weight [out, in / groups, kernel…]:
///   torch   in = (in / groups)·K     out = out·K               what torch.nn.init computes, from the shape alone
///   aware   in = (in / groups)·K     out = (out / groups)·K    what one input really reaches: its own group's outputs
/// With transposed weight [in, out / groups, kernel…]:
///   torch   in = (out / groups)·K    out = in·K                the two swapped, as in torch.nn.init
///   aware   in = (in / groups)·K     out = (out / groups)·K
/// A stride is not counted. torch is the default everywhere, as published weights and recipes were drawn with it.
/// Source: pytorch#23854, pytorch#30079, timm#84.
enum class FanConvention : std::uint8_t { torch, aware };

/// Fans of a weight of rank 2 or more, for Linear ([out, in]), convolutions of any number of dimensions, and their
/// transposes. Throws ShapeError for fewer than two dimensions.
Fans fans(const Shape& weight, WeightUse use = {}, FanConvention convention = FanConvention::torch);

/// Fans of every layer of a network that owns a `weight` of two dimensions or more, by both conventions.
struct LayerFans {
  std::string path;
  std::string_view type;
  Shape weight;
  Fans torch, aware;
};
std::vector<LayerFans> layer_fans(Module& net);

/// What a variance is divided by: fan_in, fan_out, (in + out) / 2, or √(in · out).
enum class FanMode : std::uint8_t { fan_in, fan_out, fan_avg, fan_geo };
double fan_of(const Fans& fans, FanMode mode);
/// "fan_in" → FanMode::fan_in; in any case, as torch.nn.init. Throws Error on anything else.
FanMode parse_fan_mode(std::string_view name);
std::string_view name_of(FanMode mode);

/// The factor on the standard deviation that keeps a signal's variance through a nonlinearity.
///
///   linear, conv1d … conv_transpose3d, sigmoid  1        tanh  5/3        relu  √2        selu  3/4
///   leaky_relu  √(2 / (1 + a²)), where a is `parameter`, 0.01 if not given
/// Throws Error on other names. Source: torch.nn.init.calculate_gain.
double calculate_gain(std::string_view nonlinearity, std::optional<double> parameter = {});

}  // namespace fanin
