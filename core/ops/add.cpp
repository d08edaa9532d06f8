#include "core/ops/add.h"

#include "core/autograd.h"
#include "core/ops/binary.h"

namespace fanin {

namespace {

constexpr auto plus = [](auto p, auto q) __attribute__((always_inline)) { return p + q; };

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  return record({"add"}, binary("add", a, b, plus), {a, b},
                [sa = a.shape(), sb = b.shape()](const Tensor& dy, Needs needs) -> Tensors {
                  return {needs[0] ? sum_to(dy, sa) : Tensor(), needs[1] ? sum_to(dy, sb) : Tensor()};
                });
}

Tensor accumulate(Tensor sum, const Tensor& term) {
  check(sum.shape() == term.shape(), "gradients of shapes ", sum.shape(), " and ", term.shape(), " cannot be added");
  const Tensor other = term.to(sum.layout());
  Tensor out = sum.unique() ? sum : Tensor::like(sum);
  dispatch(out.dtype(), [&]<class T>() { elementwise<T>(out, plus, sum, other); });
  return out;
}

OpInfo add_info() {
  const auto call = [](const Tensors& in) { return add(in[0], in[1]); };
  return {.name = "add",
          .samples = {{"vector", {{7}, {7}}, call},
                      {"image", {{2, 3, 4, 5}, {2, 3, 4, 5}}, call},
                      {"channel", {{2, 3, 4, 5}, {3, 1, 1}}, call},
                      {"both repeated", {{4, 1}, {1, 3}}, call},
                      {"scalar", {{}, {2, 2}}, call},
                      {"empty", {{0, 3}, {3}}, call}},
          .rejects = {{"shapes",
                       [] {
                         add(Tensor::zeros({2, 3}), Tensor::zeros({4}));
                       },
                       "[2, 3]"},
                      {"dtypes", [] { add(Tensor::zeros({2}), Tensor::zeros({2}, DType::f64)); }, "f64"}}};
}

}  // namespace fanin
