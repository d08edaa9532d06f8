#include "core/ops/broadcast.h"

#include <algorithm>

#include "core/ops/arguments.h"

namespace fanin {

namespace {

/// Strides of `from` seen as a tensor of rank `rank`; 0 along repeated dimensions.
std::array<Dim, Shape::max_rank> repeated_strides(const Shape& from, int rank) {
  std::array<Dim, Shape::max_rank> strides{};
  Dim stride = 1;
  for (int i = from.rank() - 1; i >= 0; --i) {
    strides[static_cast<std::size_t>(i + rank - from.rank())] = from[i] == 1 ? 0 : stride;
    stride *= from[i];
  }
  return strides;
}

/// Calls f(i, j) for every element i of `large`, row-major, with its place j in `small`.
template <class F>
void for_each_pair(const Shape& large, const Shape& small, F&& f) {
  const auto strides = repeated_strides(small, large.rank());
  std::array<Dim, Shape::max_rank> at{};
  Dim j = 0;
  for (Dim i = 0, count = large.numel(); i < count; ++i) {
    f(i, j);
    for (int d = large.rank() - 1; d >= 0; --d) {
      const auto k = static_cast<std::size_t>(d);
      j += strides[k];
      if (++at[k] < large[d]) break;
      j -= strides[k] * large[d];
      at[k] = 0;
    }
  }
}

}  // namespace

Shape broadcast_shape(std::string_view op, const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  Shape result = a.rank() == rank ? a : b;
  for (int i = 1; i <= std::min(a.rank(), b.rank()); ++i) {
    const Dim p = a[a.rank() - i];
    const Dim q = b[b.rank() - i];
    check(p == q || p == 1 || q == 1, op, ": shapes ", a, " and ", b, " do not broadcast: sizes ", p, " and ", q,
          " differ and neither is 1");
    result[rank - i] = p == 1 ? q : p;
  }
  return result;
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  check(broadcast_shape("broadcast_to", x.shape(), shape) == shape, "broadcast_to: ", x.shape(), " does not repeat to ",
        shape);
  const Tensor from = x.plain();
  Tensor result = Tensor::empty(shape, x.dtype());
  dispatch(x.dtype(), [&]<class T>() {
    const auto in = from.data<T>();
    const auto out = result.mutable_data<T>();
    for_each_pair(shape, x.shape(),
                  [&](Dim i, Dim j) { out[static_cast<std::size_t>(i)] = in[static_cast<std::size_t>(j)]; });
  });
  return result;
}

Tensor sum_to(const Tensor& dy, const Shape& shape) {
  if (dy.shape() == shape) return dy;
  check(broadcast_shape("sum_to", shape, dy.shape()) == dy.shape(), "sum_to: ", dy.shape(), " is not ", shape,
        " repeated");
  const Tensor from = dy.plain();
  Tensor result = Tensor::empty(shape, dy.dtype());
  dispatch(dy.dtype(), [&]<class T>() {
    const auto in = from.data<T>();
    std::vector<double> sums(static_cast<std::size_t>(shape.numel()));
    for_each_pair(dy.shape(), shape, [&](Dim i, Dim j) {
      sums[static_cast<std::size_t>(j)] += static_cast<double>(in[static_cast<std::size_t>(i)]);
    });
    std::ranges::transform(sums, result.mutable_data<T>().begin(),
                           [](double v) { return static_cast<T>(static_cast<compute_t<T>>(v)); });
  });
  return result;
}

std::pair<Tensor, Tensor> line_up(std::string_view op, const Tensor& a, const Tensor& b) {
  check_floating(op, a);
  check_floating(op, b);
  check<DTypeError>(a.dtype() == b.dtype(), op, ": dtypes differ: ", a.dtype(), " and ", b.dtype(),
                    "; cast() one of them");
  if (a.shape() == b.shape()) return {a, b.to(a.layout())};
  const Shape shape = broadcast_shape(op, a.shape(), b.shape());
  return {broadcast_to(a, shape).plain(), broadcast_to(b, shape).plain()};
}

}  // namespace fanin
