#include "core/ops/tail.h"

#include "core/ops/elementwise.h"

namespace fanin {

void add_and_rectify(Tensor& y, const Tensor& addend, bool relu) {
  const Tensor other = addend.to(y.layout());
  dispatch(y.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    auto cut = [](C v) __attribute__((always_inline)) { return v < 0 ? C(0) : v; };
    auto sum = [](C p, C q) __attribute__((always_inline)) { return p + q; };
    auto both = [](C p, C q) __attribute__((always_inline)) { return p + q < 0 ? C(0) : p + q; };
    if (other.defined() && relu)
      elementwise<T>(y, both, y, other);
    else if (other.defined())
      elementwise<T>(y, sum, y, other);
    else if (relu)
      elementwise<T>(y, cut, y);
  });
}

}  // namespace fanin
