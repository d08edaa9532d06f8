#include "core/ops/add_relu.h"

#include "core/autograd.h"
#include "core/ops/elementwise.h"

namespace fanin {

Tensor add_relu(const Tensor& a, const Tensor& b) {
  check(a.shape() == b.shape(), "add_relu: shapes differ: ", a.shape(), " and ", b.shape());
  check<DTypeError>(a.dtype() == b.dtype(), "add_relu: dtypes differ: ", a.dtype(), " and ", b.dtype());
  const Tensor other = b.to(a.layout());
  Tensor y = Tensor::like(a);
  dispatch(a.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    elementwise<T>(
        y, [](C p, C q) __attribute__((always_inline)) {
          const C v = p + q;
          return v < 0 ? C(0) : v;
        },
        a, other);
  });
  return record({"add_relu"}, y, {a, b}, [saved = Saved(y)](Tensor dy, Needs needs) -> Tensors {
    const Tensor& out = saved.get();
    const bool same_layout = dy.layout() == out.layout();
    const Tensor g = dy.to(out.layout());
    Tensor d = same_layout && dy.storage().use_count() == 2 ? g : Tensor::like(out);  // dy and g: nobody else looks
    dispatch(out.dtype(), [&]<class T>() {
      using C = compute_t<T>;
      elementwise<T>(
          d, [](C v, C o) __attribute__((always_inline)) { return o > 0 ? v : C(0); }, g, out);
    });
    return {needs[0] ? d : Tensor(), needs[1] ? d : Tensor()};
  });
}

OpInfo add_relu_info() {
  const auto call = [](const Tensors& in) { return add_relu(in[0], in[1]); };
  return {.name = "add_relu",
          .samples = {{"vector", {{7}, {7}}, call},
                      {"image", {{2, 21, 2, 3}, {2, 21, 2, 3}}, call},
                      {"empty", {{0, 3}, {0, 3}}, call}},
          .rejects = {{"shapes",
                       [] {
                         add_relu(Tensor::zeros({2, 3}), Tensor::zeros({3}));
                       },
                       "[2, 3] and [3]"}}};
}

}  // namespace fanin
