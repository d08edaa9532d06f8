#include "core/optim/adam.h"

#include <cmath>

#include "core/check.h"
#include "core/simd.h"

namespace fanin {

namespace {

template <class T>
struct Factors {
  T shrink, decay, scale, beta1, rest1, beta2, rest2, eps, step_size, root_correction;
};

template <class T>
void move(Dim count, T* weight, const T* gradient, T* mean, T* square, const Factors<T>& f) {
  vectorized([&]() __attribute__((always_inline)) {
    for (Dim i = 0; i < count; ++i) {
      const T w = weight[i] * f.shrink;
      const T g = std::fma(f.decay, w, gradient[i] * f.scale);
      const T m = std::fma(f.rest1, g, mean[i] * f.beta1);
      const T v = std::fma(f.rest2 * g, g, square[i] * f.beta2);
      mean[i] = m;
      square[i] = v;
      weight[i] = w - f.step_size * m / (std::sqrt(v) / f.root_correction + f.eps);
    }
  });
}

}  // namespace

Adam::Adam(StateDict parameters, const AdamOptions& options)
    : Optimizer(std::move(parameters), options.lr, {"exp_avg", "exp_avg_sq"}), options_(options) {
  check(options.lr >= 0 && options.eps >= 0 && options.weight_decay >= 0,
        "adam: lr, eps and weight_decay must not be negative, got ", options.lr, ", ", options.eps, " and ",
        options.weight_decay);
  check(options.beta1 >= 0 && options.beta1 < 1 && options.beta2 >= 0 && options.beta2 < 1,
        "adam: betas must be in [0, 1), got ", options.beta1, " and ", options.beta2);
}

void Adam::update(const Stretch& s) const {
  const auto run = [&]<class T>() {
    const auto t = static_cast<double>(s.step);
    const double decay = options_.weight_decay;
    const auto real = [](double value) { return static_cast<T>(value); };
    const Factors<T> factors{
        .shrink = real(options_.decoupled ? 1 - lr() * decay : 1),
        .decay = real(options_.decoupled ? 0 : decay),
        .scale = real(s.gradient_scale),
        .beta1 = real(options_.beta1),
        .rest1 = real(1 - options_.beta1),
        .beta2 = real(options_.beta2),
        .rest2 = real(1 - options_.beta2),
        .eps = real(options_.eps),
        .step_size = real(lr() / (1 - std::pow(options_.beta1, t))),
        .root_correction = real(std::sqrt(1 - std::pow(options_.beta2, t))),
    };
    move<T>(s.count, static_cast<T*>(s.weight), static_cast<const T*>(s.gradient), static_cast<T*>(s.moments[0]),
            static_cast<T*>(s.moments[1]), factors);
  };
  s.dtype == DType::f64 ? run.operator()<double>() : run.operator()<float>();
}

}  // namespace fanin
