#include "core/ops/mse_loss.h"

#include "core/autograd.h"
#include "core/ops/arguments.h"
#include "core/ops/elementwise.h"

namespace fanin {

namespace {

std::string name_of(Reduction reduction) {
  return reduction == Reduction::mean ? "mean" : reduction == Reduction::sum ? "sum" : "none";
}

Tensor squares(const Tensor& x, const Tensor& target) {
  Tensor y = Tensor::like(x);
  dispatch(x.dtype(), [&]<class T>() {
    elementwise<T>(
        y, [](auto a, auto b) __attribute__((always_inline)) { return (a - b) * (a - b); }, x, target);
  });
  return y;
}

/// Σ (x − target)² / divisor; padding lanes of both are zero and add nothing.
Tensor reduced(const Tensor& x, const Tensor& target, double divisor) {
  double sum = 0;
  dispatch(x.dtype(), [&]<class T>() {
    const auto a = x.raw<T>();
    const auto b = target.raw<T>();
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
      sum += d * d;
    }
  });
  return Tensor::full({}, sum / divisor, x.dtype());
}

/// factor · dy · (x − target); dy is a scalar or lines up.
Tensor slope(const Tensor& dy, const Tensor& x, const Tensor& target, double factor) {
  Tensor dx = Tensor::like(x);
  dispatch(x.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    const C f = static_cast<C>(factor);
    if (dy.shape() == x.shape()) {
      elementwise<T>(
          dx, [f](C g, C a, C b) __attribute__((always_inline)) { return f * g * (a - b); }, dy.to(x.layout()), x,
          target);
    } else {
      const C scale = f * static_cast<C>(dy.item());
      elementwise<T>(
          dx, [scale](C a, C b) __attribute__((always_inline)) { return scale * (a - b); }, x, target);
    }
  });
  return dx;
}

}  // namespace

Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  check_floating("mse_loss", x);
  check_floating("mse_loss", target);
  check(x.shape() == target.shape(), "mse_loss: input ", x.shape(), " and target ", target.shape(),
        " must have one shape; reshape() one of them");
  check<DTypeError>(x.dtype() == target.dtype(), "mse_loss: dtypes differ: ", x.dtype(), " and ", target.dtype(),
                    "; cast() one of them");
  const Tensor other = target.to(x.layout());
  const double divisor = reduction == Reduction::mean ? static_cast<double>(x.numel()) : 1;
  const Tensor y = reduction == Reduction::none ? squares(x, other) : reduced(x, other, divisor);
  return record({"mse_loss", {{"reduction", name_of(reduction)}}}, y, {x, target},
                [a = Saved(x), b = Saved(target), divisor](const Tensor& dy, Needs needs) -> Tensors {
                  const Tensor t = b.get().to(a.get().layout());
                  return {needs[0] ? slope(dy, a.get(), t, 2 / divisor) : Tensor(),
                          needs[1] ? slope(dy, a.get(), t, -2 / divisor) : Tensor()};
                });
}

OpInfo mse_loss_info() {
  const auto by = [](Reduction reduction) {
    return [=](const Tensors& in) { return mse_loss(in[0], in[1], reduction); };
  };
  return {.name = "mse_loss",
          .samples = {{"mean", {{3, 7}, {3, 7}}, by(Reduction::mean)},
                      {"sum", {{2, 21, 2, 3}, {2, 21, 2, 3}}, by(Reduction::sum)},
                      {"none", {{2, 21, 2, 3}, {2, 21, 2, 3}}, by(Reduction::none)},
                      {"scalars", {{}, {}}, by(Reduction::none)},
                      {"empty", {{0, 3}, {0, 3}}, by(Reduction::sum)}},
          .rejects = {{"shapes",
                       [] {
                         mse_loss(Tensor::zeros({3, 1}), Tensor::zeros({3}));
                       },
                       "[3, 1]"},
                      {"dtypes", [] { mse_loss(Tensor::zeros({3}), Tensor::zeros({3}, DType::f64)); }, "f64"},
                      {"undefined", [] { mse_loss(Tensor::zeros({3}), {}); }, "undefined"}}};
}

}  // namespace fanin
