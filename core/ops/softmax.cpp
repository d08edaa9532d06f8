#include "core/ops/softmax.h"

#include <algorithm>
#include <cmath>

#include "core/autograd.h"
#include "core/ops/arguments.h"
#include "core/threads.h"

namespace fanin {

namespace {

/// Elements of a tensor along one dimension, `step` apart.
template <class T>
struct Line {
  T* first;
  Dim step;
  T& operator[](Dim k) const { return first[k * step]; }
};

/// Calls f(size, line of `out`, lines of `in`…) for every line along `dim`, in parallel. All plain, of one shape.
template <class T, class F, class... In>
void for_each_line(int dim, Tensor& out, F f, const In&... in) {
  const Dim size = out.dim(dim);
  const Dim step = out.shape().numel_from(dim + 1);
  if (out.numel() == 0) return;
  T* const target = out.mutable_data<T>().data();
  const auto run = [&](const auto*... source) {
    parallel_for(out.numel() / size, std::max<Dim>(1, (1 << 12) / size), [&](Dim begin, Dim end) {
      for (Dim i = begin; i < end; ++i) {
        const Dim first = i / step * step * size + i % step;
        f(size, Line<T>{target + first, step}, Line<const T>{source + first, step}...);
      }
    });
  };
  run(in.template data<T>().data()...);
}

/// Largest element; a NaN wins.
template <class T>
compute_t<T> largest(Dim size, Line<const T> x) {
  compute_t<T> m = x[0];
  for (Dim k = 1; k < size; ++k) {
    const compute_t<T> v = x[k];
    if (!(v <= m)) m = v;
  }
  return m;
}

}  // namespace

Tensor softmax(const Tensor& x, int dim) {
  check_floating("softmax", x);
  const int axis = wrap_dim("softmax", dim, x.rank());
  const Tensor in = x.plain();
  Tensor y = Tensor::like(in);
  dispatch(x.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    for_each_line<T>(
        axis, y,
        [](Dim size, Line<T> out, Line<const T> v) {
          const C m = largest(size, v);
          double sum = 0;
          for (Dim k = 0; k < size; ++k) sum += std::exp(static_cast<C>(v[k]) - m);
          const C scale = static_cast<C>(1 / sum);
          for (Dim k = 0; k < size; ++k) out[k] = static_cast<T>(std::exp(static_cast<C>(v[k]) - m) * scale);
        },
        in);
  });
  return record({"softmax", {{"dim", Dim{axis}}}}, y, {x},
                [saved = Saved(y), axis](const Tensor& dy, Needs) -> Tensors {
                  const Tensor& out = saved.get();
                  Tensor dx = Tensor::like(out);
                  dispatch(out.dtype(), [&]<class T>() {
                    using C = compute_t<T>;
                    for_each_line<T>(
                        axis, dx,
                        [](Dim size, Line<T> d, Line<const T> g, Line<const T> v) {
                          double dot = 0;
                          for (Dim k = 0; k < size; ++k) dot += static_cast<double>(g[k]) * static_cast<double>(v[k]);
                          for (Dim k = 0; k < size; ++k)
                            d[k] = static_cast<T>(static_cast<C>(v[k]) * (static_cast<C>(g[k]) - static_cast<C>(dot)));
                        },
                        dy.plain(), out);
                  });
                  return {dx};
                });
}

Tensor log_softmax(const Tensor& x, int dim) {
  check_floating("log_softmax", x);
  const int axis = wrap_dim("log_softmax", dim, x.rank());
  const Tensor in = x.plain();
  Tensor y = Tensor::like(in);
  dispatch(x.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    for_each_line<T>(
        axis, y,
        [](Dim size, Line<T> out, Line<const T> v) {
          const C m = largest(size, v);
          double sum = 0;
          for (Dim k = 0; k < size; ++k) sum += std::exp(static_cast<C>(v[k]) - m);
          const C log_sum = static_cast<C>(std::log(sum));
          for (Dim k = 0; k < size; ++k) out[k] = static_cast<T>(static_cast<C>(v[k]) - m - log_sum);
        },
        in);
  });
  return record(
      {"log_softmax", {{"dim", Dim{axis}}}}, y, {x}, [saved = Saved(y), axis](const Tensor& dy, Needs) -> Tensors {
        const Tensor& out = saved.get();
        Tensor dx = Tensor::like(out);
        dispatch(out.dtype(), [&]<class T>() {
          using C = compute_t<T>;
          for_each_line<T>(
              axis, dx,
              [](Dim size, Line<T> d, Line<const T> g, Line<const T> v) {
                double sum = 0;
                for (Dim k = 0; k < size; ++k) sum += static_cast<double>(g[k]);
                for (Dim k = 0; k < size; ++k)
                  d[k] = static_cast<T>(static_cast<C>(g[k]) - std::exp(static_cast<C>(v[k])) * static_cast<C>(sum));
              },
              dy.plain(), out);
        });
        return {dx};
      });
}

namespace {

OpInfo softmax_card(std::string_view name, Tensor (*op)(const Tensor&, int)) {
  const auto along = [op](int dim) { return [=](const Tensors& in) { return op(in[0], dim); }; };
  return {.name = name,
          .samples = {{"logits", {{3, 7}}, along(1)},
                      {"first dimension", {{3, 7}}, along(0)},
                      {"channels of images", {{2, 5, 3, 4}}, along(1)},
                      {"last dimension", {{2, 5, 3, 4}}, along(-1)},
                      {"one class", {{4, 1}}, along(1)},
                      {"empty", {{0, 3}}, along(1)},
                      {"no classes", {{3, 0}}, along(1)}},
          .rejects = {{"dimension",
                       [op] {
                         op(Tensor::zeros({2, 3}), 2);
                       },
                       "no dimension 2"},
                      {"scalar", [op] { op(Tensor::zeros({}), 0); }, "no dimension 0"},
                      {"integers", [op] { op(Tensor::zeros({2}, DType::i64), 0); }, "i64"}}};
}

}  // namespace

OpInfo softmax_info() { return softmax_card("softmax", softmax); }
OpInfo log_softmax_info() { return softmax_card("log_softmax", log_softmax); }

}  // namespace fanin
