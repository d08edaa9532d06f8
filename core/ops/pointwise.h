#pragma once

#include <cstdint>
#include <utility>

#include "core/autograd.h"
#include "core/ops/arguments.h"
#include "core/ops/elementwise.h"

namespace fanin {

/// What the slope of a function is computed from, and so what is saved for backward.
enum class SlopeOf : std::uint8_t { input, output };

/// Whether padding lanes stay zero: f(0) = 0 with a finite slope there. Otherwise blocked layouts go plain first.
enum class Layouts : std::uint8_t { keep, go_plain };

/// y = f(x), element by element, with dx = dy · slope(v), v an element of x or of y: the whole of most operators of
/// one input. f and slope are lambdas of one argument of any floating type, always inlined; bf16 is computed in float.
template <class F, class Slope>
Tensor pointwise(const Op& op, const Tensor& x, Layouts layouts, SlopeOf slope_of, F f, Slope slope) {
  check_floating(op.name, x);
  const Tensor in = layouts == Layouts::keep ? x : x.plain();
  Tensor y = Tensor::like(in);
  dispatch(in.dtype(), [&]<class T>() { elementwise<T>(y, f, in); });
  const Saved saved(slope_of == SlopeOf::input ? in : y);
  return record(op, y, {x}, [saved, slope](const Tensor& dy, Needs) -> Tensors {
    const Tensor& v = saved.get();
    Tensor dx = Tensor::like(v);
    dispatch(v.dtype(), [&]<class T>() {
      using C = compute_t<T>;
      elementwise<T>(
          dx, [slope](C d, C e) __attribute__((always_inline)) { return d * slope(e); }, dy.to(v.layout()), v);
    });
    return {dx};
  });
}

}  // namespace fanin
