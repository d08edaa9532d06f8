#include "core/ops/relu.h"

#include "core/autograd.h"
#include "core/ops/arguments.h"
#include "core/ops/elementwise.h"

namespace fanin {

Tensor relu(const Tensor& x) {
  check_floating("relu", x);
  Tensor y = Tensor::like(x);
  dispatch(x.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    elementwise<T>(
        y, [](C v) __attribute__((always_inline)) { return v < 0 ? C(0) : v; }, x);  // keeps NaN
  });
  return record({"relu"}, y, {x},
                [saved = Saved(y)](const Tensor& dy, Needs) -> Tensors { return {relu_gradient(dy, saved.get())}; });
}

Tensor relu_gradient(const Tensor& dy, const Tensor& y) {
  const Tensor g = dy.to(y.layout());
  Tensor dx = Tensor::like(y);
  dispatch(y.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    elementwise<T>(
        dx, [](C d, C v) __attribute__((always_inline)) { return v > 0 ? d : C(0); }, g, y);
  });
  return dx;
}

OpInfo relu_info() {
  const auto call = [](const Tensors& in) { return relu(in[0]); };
  return {.name = "relu",
          .samples = {{"vector", {{7}}, call}, {"image", {{2, 3, 4, 5}}, call}, {"empty", {{0, 3}}, call}},
          .rejects = {{"integers", [] { relu(Tensor::zeros({2}, DType::i64)); }, "relu"}},
          .kinks = {0}};
}

}  // namespace fanin
