#pragma once

#include "core/simd.h"
#include "core/tensor.h"
#include "core/threads.h"

namespace fanin {

/// out[i] = f(in[i]…) over the raw elements of tensors that line up, in parallel and vectorised (but for f64, in
/// which nobody waits for speed). bf16 is computed in float. f(0…) must be 0 where the layout has padding lanes. `out`
/// may be one of the inputs' bytes.
template <class T, class F, class... In>
void elementwise(Tensor& out, F f, const In&... in) {
  using C = compute_t<T>;
  T* const target = out.mutable_raw<T>().data();
  const auto count = static_cast<Dim>(out.raw<T>().size());
  const auto run = [&](const auto*... source) {
    parallel_for(count, 1 << 14, [=](Dim begin, Dim end) {
      const auto loop = [=]() __attribute__((always_inline)) {
        for (Dim i = begin; i < end; ++i) target[i] = static_cast<T>(f(static_cast<C>(source[i])...));
      };
      if constexpr (std::is_same_v<T, double>)
        loop();
      else
        vectorized(loop);
    });
  };
  run(in.template raw<T>().data()...);
}

}  // namespace fanin
