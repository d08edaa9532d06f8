#include "init/schemes.h"

#include <cmath>

namespace fanin {
namespace {

Fans counted(const Tensor& t, Dim groups) {
  return groups == 1 ? fans(t.shape()) : fans(t.shape(), {.groups = groups}, FanConvention::aware);
}

double std_of(const Tensor& t, const XavierOptions& options) {
  return xavier_std(counted(t, options.groups), options.gain);
}

double std_of(const Tensor& t, const KaimingOptions& options) {
  check<Error>(options.mode == FanMode::fan_in || options.mode == FanMode::fan_out, "kaiming: mode ",
               name_of(options.mode), " is not supported; use fan_in or fan_out, or variance_scaling");
  return kaiming_std(fan_of(counted(t, options.groups), options.mode), calculate_gain(options.nonlinearity, options.a));
}

}  // namespace

void uniform(Tensor& t, Generator& generator, double a, double b) {
  fill_elements(t, [&](auto out) { generator.uniform(out, a, b); });
}

void normal(Tensor& t, Generator& generator, double mean, double std) {
  fill_elements(t, [&](auto out) { generator.normal(out, mean, std); });
}

void constant(Tensor& t, double value) { t.fill_(value); }
void ones(Tensor& t) { t.fill_(1); }
void zeros(Tensor& t) { t.fill_(0); }

double xavier_std(const Fans& fans, double gain) {
  check(fans.in + fans.out > 0, "xavier: fan_in and fan_out are both 0");
  return gain * std::sqrt(2.0 / static_cast<double>(fans.in + fans.out));
}

double kaiming_std(double fan, double gain) { return gain / std::sqrt(fan); }

void xavier_uniform(Tensor& t, Generator& generator, XavierOptions options) {
  const double bound = std::sqrt(3.0) * std_of(t, options);
  uniform(t, generator, -bound, bound);
}

void xavier_normal(Tensor& t, Generator& generator, XavierOptions options) {
  normal(t, generator, 0, std_of(t, options));
}

void kaiming_uniform(Tensor& t, Generator& generator, KaimingOptions options) {
  if (t.numel() == 0) return;
  const double bound = std::sqrt(3.0) * std_of(t, options);
  uniform(t, generator, -bound, bound);
}

void kaiming_normal(Tensor& t, Generator& generator, KaimingOptions options) {
  if (t.numel() == 0) return;
  normal(t, generator, 0, std_of(t, options));
}

}  // namespace fanin
