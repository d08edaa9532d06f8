#include "init/fan.h"

#include <cmath>
#include <string>

#include "core/nearest.h"

namespace fanin {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

constexpr std::string_view mode_names[] = {"fan_in", "fan_out", "fan_avg", "fan_geo"};

}  // namespace

Fans fans(const Shape& weight, WeightUse use, FanConvention convention) {
  check(weight.rank() >= 2, "fan_in and fan_out need a weight of 2 dimensions or more, got ", weight);
  const Dim kernel = weight.numel_from(2);
  if (convention == FanConvention::torch) return {weight[1] * kernel, weight[0] * kernel};
  check(use.groups > 0 && weight[0] % use.groups == 0, "fans: weight ", weight, " does not divide into ", use.groups,
        " groups");
  const Fans aware = {weight[1] * kernel, weight[0] / use.groups * kernel};
  return use.transposed ? Fans{aware.out, aware.in} : aware;
}

std::vector<LayerFans> layer_fans(Module& net) {
  std::vector<LayerFans> list;
  for (const NamedParameter& p : named_parameters(net)) {
    const std::size_t dot = p.name.rfind('.');
    const bool is_weight = p.name.substr(dot + 1) == "weight";
    if (!is_weight || p.tensor->rank() < 2) continue;
    const Shape& shape = p.tensor->shape();
    list.push_back({dot == std::string::npos ? "" : p.name.substr(0, dot), p.owner->type(), shape, fans(shape),
                    fans(shape, p.owner->weight_use(), FanConvention::aware)});
  }
  return list;
}

double fan_of(const Fans& fans, FanMode mode) {
  const auto in = static_cast<double>(fans.in);
  const auto out = static_cast<double>(fans.out);
  switch (mode) {
    case FanMode::fan_in: return in;
    case FanMode::fan_out: return out;
    case FanMode::fan_avg: return (in + out) / 2;
    case FanMode::fan_geo: return std::sqrt(in * out);
  }
  return in;
}

FanMode parse_fan_mode(std::string_view name) {
  const std::string wanted = lower(name);
  for (std::size_t i = 0; i < std::size(mode_names); ++i)
    if (wanted == mode_names[i]) return static_cast<FanMode>(i);
  fail<Error>("mode '", name, "' is not supported", did_you_mean(name, {std::begin(mode_names), std::end(mode_names)}));
}

std::string_view name_of(FanMode mode) { return mode_names[static_cast<std::size_t>(mode)]; }

double calculate_gain(std::string_view nonlinearity, std::optional<double> parameter) {
  const std::vector<std::string_view> known = {
      "linear",           "conv1d",  "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
      "conv_transpose3d", "sigmoid", "tanh",   "relu",   "leaky_relu",       "selu"};
  if (nonlinearity == "tanh") return 5.0 / 3;
  if (nonlinearity == "relu") return std::sqrt(2.0);
  if (nonlinearity == "selu") return 3.0 / 4;
  if (nonlinearity == "leaky_relu") {
    const double slope = parameter.value_or(0.01);
    check<Error>(std::isfinite(slope), "leaky_relu: the negative slope must be a finite number, got ", slope);
    return std::sqrt(2.0 / (1 + slope * slope));
  }
  for (const std::string_view name : known)
    if (nonlinearity == name) return 1;
  fail<Error>("nonlinearity '", nonlinearity, "' has no gain", did_you_mean(nonlinearity, known));
}

}  // namespace fanin
