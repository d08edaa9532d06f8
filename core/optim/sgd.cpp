#include "core/optim/sgd.h"

#include <cmath>

#include "core/check.h"
#include "core/simd.h"

namespace fanin {

namespace {

/// The sums that PyTorch computes with fused multiply-add are fused here too: the same bits.
template <class T>
void move(Dim count, T* weight, const T* gradient, T* velocity, T scale, T lr, bool first, const SgdOptions& options) {
  const T decay = static_cast<T>(options.weight_decay);
  const T momentum = static_cast<T>(options.momentum);
  const T gain = static_cast<T>(1 - options.dampening);
  const bool nesterov = options.nesterov;
  vectorized([&]() __attribute__((always_inline)) {
    for (Dim i = 0; i < count; ++i) {
      T d = std::fma(decay, weight[i], gradient[i] * scale);
      if (velocity != nullptr) {
        const T v = first ? d : std::fma(gain, d, momentum * velocity[i]);
        velocity[i] = v;
        d = nesterov ? std::fma(momentum, v, d) : v;
      }
      weight[i] = std::fma(-lr, d, weight[i]);
    }
  });
}

}  // namespace

Sgd::Sgd(StateDict parameters, const SgdOptions& options)
    : Optimizer(std::move(parameters), options.lr,
                options.momentum == 0 ? std::vector<std::string_view>{} : std::vector<std::string_view>{"momentum"}),
      options_(options) {
  check(options.lr >= 0 && options.momentum >= 0 && options.weight_decay >= 0,
        "sgd: lr, momentum and weight_decay must not be negative, got ", options.lr, ", ", options.momentum, " and ",
        options.weight_decay);
  check(!options.nesterov || (options.momentum > 0 && options.dampening == 0),
        "sgd: nesterov needs momentum > 0 and dampening 0, got momentum ", options.momentum, " and dampening ",
        options.dampening);
}

void Sgd::update(const Stretch& s) const {
  const auto run = [&]<class T>() {
    move<T>(s.count, static_cast<T*>(s.weight), static_cast<const T*>(s.gradient), static_cast<T*>(s.moments[0]),
            static_cast<T>(s.gradient_scale), static_cast<T>(lr()), s.step == 1, options_);
  };
  s.dtype == DType::f64 ? run.operator()<double>() : run.operator()<float>();
}

}  // namespace fanin
