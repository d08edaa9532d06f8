#include "core/ops/arithmetic.h"

#include "core/autograd.h"
#include "core/ops/binary.h"

namespace fanin {

namespace {

constexpr auto difference = [](auto p, auto q) __attribute__((always_inline)) { return p - q; };
constexpr auto product = [](auto p, auto q) __attribute__((always_inline)) { return p * q; };
constexpr auto quotient = [](auto p, auto q) __attribute__((always_inline)) { return p / q; };
constexpr auto minus_product = [](auto p, auto q) __attribute__((always_inline)) { return -(p * q); };

Tensor minus(const Tensor& x) {
  Tensor y = Tensor::like(x);
  dispatch(x.dtype(), [&]<class T>() {
    elementwise<T>(
        y, [](auto v) __attribute__((always_inline)) { return -v; }, x);
  });
  return y;
}

Saved save_if(bool wanted, const Tensor& x) { return wanted ? Saved(x) : Saved(); }

}  // namespace

Tensor sub(const Tensor& a, const Tensor& b) {
  return record({"sub"}, binary("sub", a, b, difference), {a, b},
                [sa = a.shape(), sb = b.shape()](const Tensor& dy, Needs needs) -> Tensors {
                  return {needs[0] ? sum_to(dy, sa) : Tensor(), needs[1] ? minus(sum_to(dy, sb)) : Tensor()};
                });
}

Tensor mul(const Tensor& a, const Tensor& b) {
  const Tensor y = binary("mul", a, b, product);
  return record({"mul"}, y, {a, b},
                [p = save_if(b.requires_grad(), a), q = save_if(a.requires_grad(), b), sa = a.shape(), sb = b.shape()](
                    const Tensor& dy, Needs needs) -> Tensors {
                  return {needs[0] ? sum_to(binary("mul", dy, q.get(), product), sa) : Tensor(),
                          needs[1] ? sum_to(binary("mul", dy, p.get(), product), sb) : Tensor()};
                });
}

Tensor div(const Tensor& a, const Tensor& b) {
  const Tensor y = binary("div", a.plain(), b.plain(), quotient);
  return record({"div"}, y, {a, b},
                [q = Saved(b), out = save_if(b.requires_grad(), y), sa = a.shape(), sb = b.shape()](
                    const Tensor& dy, Needs needs) -> Tensors {
                  const Tensor da = binary("div", dy.plain(), q.get().plain(), quotient);
                  return {needs[0] ? sum_to(da, sa) : Tensor(),
                          needs[1] ? sum_to(binary("div", da, out.get(), minus_product), sb) : Tensor()};
                });
}

namespace {

Tensor scalar(double value, const Tensor& beside) { return Tensor::full({}, value, beside.dtype()); }

}  // namespace

Tensor operator+(const Tensor& a, double b) { return add(a, scalar(b, a)); }
Tensor operator-(const Tensor& a, double b) { return sub(a, scalar(b, a)); }
Tensor operator*(const Tensor& a, double b) { return mul(a, scalar(b, a)); }
Tensor operator/(const Tensor& a, double b) { return div(a, scalar(b, a)); }
Tensor operator+(double a, const Tensor& b) { return add(scalar(a, b), b); }
Tensor operator-(double a, const Tensor& b) { return sub(scalar(a, b), b); }
Tensor operator*(double a, const Tensor& b) { return mul(scalar(a, b), b); }
Tensor operator/(double a, const Tensor& b) { return div(scalar(a, b), b); }

namespace {

OpInfo card(std::string_view name, Tensor (*op)(const Tensor&, const Tensor&)) {
  const auto call = [op](const Tensors& in) { return op(in[0], in[1]); };
  return {.name = name,
          .samples = {{"vector", {{7}, {7}}, call},
                      {"image", {{2, 3, 4, 5}, {2, 3, 4, 5}}, call},
                      {"channel", {{2, 3, 4, 5}, {3, 1, 1}}, call},
                      {"both repeated", {{4, 1}, {1, 3}}, call},
                      {"scalar", {{}, {2, 2}}, call},
                      {"with itself", {{5}}, [op](const Tensors& in) { return op(in[0], in[0]); }},
                      {"empty", {{0, 3}, {3}}, call}},
          .rejects = {{"shapes",
                       [op] {
                         op(Tensor::zeros({2, 3}), Tensor::zeros({4}));
                       },
                       text(name, ": shapes [2, 3] and [4]")},
                      {"dtypes", [op] { op(Tensor::zeros({2}), Tensor::zeros({2}, DType::f64)); }, "f64"},
                      {"integers", [op] { op(Tensor::zeros({2}, DType::u8), Tensor::zeros({2}, DType::u8)); }, "u8"},
                      {"undefined", [op] { op(Tensor::zeros({2}), {}); }, "undefined"}}};
}

}  // namespace

OpInfo sub_info() { return card("sub", sub); }
OpInfo mul_info() { return card("mul", mul); }

OpInfo div_info() {
  OpInfo info = card("div", div);
  info.low = 0.5;  // quotients of order 1, away from the pole
  return info;
}

}  // namespace fanin
