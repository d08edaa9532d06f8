#include "core/ops/broadcast.h"

#include <algorithm>

#include "core/ops/arguments.h"
#include "core/ops/places.h"
#include "core/ops/total.h"

namespace fanin {

namespace {

/// Places of a tensor of shape `small` for every element of one of shape `large`: step 0 where it is repeated.
Places repeated(const Shape& small, const Shape& large) {
  const Places all = row_major(small);
  const int behind = large.rank() - small.rank();
  Places result;
  for (int d = 0; d < small.rank(); ++d) result[d + behind] = small[d] == 1 ? 0 : all[d];
  return result;
}

/// Calls f(i, j, width, repeats) for every row of `large`, row-major: elements i … i + width − 1 belong to elements
/// j … j + width − 1 of the smaller tensor or, if it repeats there, all to j. Rows are as long as they can be.
template <class F>
void for_each_row(const Shape& large, const Places& places, F&& f) {
  int rest = large.rank();
  Dim width = 1;
  bool repeats = false;
  for (; rest > 0; --rest) {
    const Dim size = large[rest - 1];
    if (width > 1 && size > 1 && (places[rest - 1] == 0) != repeats) break;
    if (size > 1) repeats = places[rest - 1] == 0;
    width *= size;
  }
  std::array<Dim, Shape::max_rank> at{};
  Dim j = 0;
  for (Dim i = 0, count = large.numel(); i < count; i += width) {
    f(i, j, width, repeats);
    for (int d = rest - 1; d >= 0; --d) {
      j += places[d];
      if (++at[static_cast<std::size_t>(d)] < large[d]) break;
      j -= places[d] * large[d];
      at[static_cast<std::size_t>(d)] = 0;
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
  Tensor result = Tensor::empty(shape, x.dtype());
  copy_places(shape, x.plain(), repeated(x.shape(), shape), result, row_major(shape));
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
    for_each_row(dy.shape(), repeated(shape, dy.shape()), [&](Dim i, Dim j, Dim width, bool repeats) {
      const T* row = in.data() + i;
      if (repeats)
        sums[static_cast<std::size_t>(j)] += total(row, width);
      else
        for (Dim k = 0; k < width; ++k) sums[static_cast<std::size_t>(j + k)] += static_cast<double>(row[k]);
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
  const auto repeat = [&](const Tensor& x) {
    return (x.numel() == 1 && shape.numel() != 1 ? x : broadcast_to(x, shape)).plain();
  };
  return {repeat(a), repeat(b)};
}

}  // namespace fanin
