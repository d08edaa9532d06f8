#include <cmath>

#include "init/catalogue.h"
#include "init/schemes.h"

namespace fanin {
namespace {

enum class Default : std::uint8_t { none, weight, bias, one, zero, quarter, normal };

Default default_of(const InitTarget& target) {
  const std::string_view type = target.owner->type();
  const bool weight = target.own_name() == "weight";
  if (!weight && target.own_name() != "bias") return Default::none;
  if (type == "Linear" || type.starts_with("Conv")) return weight ? Default::weight : Default::bias;
  if (type.starts_with("BatchNorm") || type.starts_with("InstanceNorm") || type == "GroupNorm" || type == "LayerNorm")
    return weight ? Default::one : Default::zero;
  if (type == "PReLU" && weight) return Default::quarter;
  if (type == "Embedding" && weight) return Default::normal;
  return Default::none;
}

double bound_of(Default kind, const InitTarget& target) {
  const auto fan_in = static_cast<double>(target.fans().in);
  if (kind == Default::bias) return 1 / std::sqrt(fan_in);
  return std::sqrt(3.0) * kaiming_std(fan_in, calculate_gain("leaky_relu", std::sqrt(5.0)));
}

}  // namespace

bool has_torch_default(const InitTarget& target) { return default_of(target) != Default::none; }

Moments torch_default_moments(const InitTarget& target) {
  const Default kind = default_of(target);
  switch (kind) {
    case Default::weight:
    case Default::bias: return {0, bound_of(kind, target) / std::sqrt(3.0)};
    case Default::normal: return {0, 1};
    case Default::one: return {1, 0};
    case Default::quarter: return {0.25, 0};
    default: return {0, 0};
  }
}

void torch_default(const InitTarget& target, Generator& generator, bool keep) {
  const Default kind = default_of(target);
  Tensor& t = *target.tensor;
  switch (kind) {
    case Default::none: return;
    case Default::weight:
    case Default::bias:
      if (t.numel() == 0 || target.fans().in == 0) return;
      if (keep) {
        const double bound = bound_of(kind, target);
        uniform(t, generator, -bound, bound);
      } else {
        generator.discard(static_cast<std::uint64_t>(t.numel()) * (t.dtype() == DType::f64 ? 2 : 1));
      }
      return;
    case Default::normal:
      if (keep) {
        normal(t, generator);
      } else {
        Tensor thrown_away = Tensor::empty(t.shape(), t.dtype());
        normal(thrown_away, generator);
      }
      return;
    case Default::one: return keep ? t.fill_(1) : void();
    case Default::zero: return keep ? t.fill_(0) : void();
    case Default::quarter: return keep ? t.fill_(0.25) : void();
  }
}

}  // namespace fanin
