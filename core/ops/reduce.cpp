#include "core/ops/reduce.h"

#include <algorithm>

#include "core/autograd.h"
#include "core/ops/arguments.h"
#include "core/ops/places.h"
#include "core/ops/total.h"
#include "core/threads.h"

namespace fanin {

namespace {

/// How x falls apart: into one row per element of the result, of `size` elements each.
struct Plan {
  Shape from;            // of x
  Shape result;          // of y
  Shape turned;          // of x with the reduced dimensions last, so that rows lie in one piece
  Places places;         // of turned's elements in x
  bool in_order = true;  // x lies that way already
  Dim size = 1;
  std::vector<Dim> dims;  // reduced, ascending

  Plan(std::string_view op, const Shape& shape, const std::vector<int>& wanted, bool keepdim) : from(shape) {
    std::array<bool, Shape::max_rank> reduced{};
    for (int d : wanted) {
      bool& seen = reduced[static_cast<std::size_t>(wrap_dim(op, d, shape.rank()))];
      check(!seen, op, ": dimension ", d, " is named twice");
      seen = true;
    }
    if (wanted.empty()) reduced.fill(true);
    const Places all = row_major(shape);
    std::vector<Dim> kept, sizes;
    int last = -1;
    for (const bool second : {false, true})
      for (int d = 0; d < shape.rank(); ++d) {
        if (reduced[static_cast<std::size_t>(d)] != second) continue;
        places[static_cast<int>(sizes.size())] = all[d];
        sizes.push_back(shape[d]);
        in_order = in_order && d > last;
        last = d;
        if (!second) continue;
        dims.push_back(d);
        size *= shape[d];
      }
    for (int d = 0; d < shape.rank(); ++d)
      if (keepdim || !reduced[static_cast<std::size_t>(d)])
        kept.push_back(reduced[static_cast<std::size_t>(d)] ? 1 : shape[d]);
    turned = Shape(std::span<const Dim>(sizes));
    result = Shape(std::span<const Dim>(kept));
  }

  /// x with its rows in one piece.
  Tensor rows(const Tensor& x) const {
    const Tensor flat = x.plain();
    if (in_order) return flat;
    Tensor y = Tensor::empty(turned, x.dtype());
    copy_places(turned, flat, places, y, row_major(turned));
    return y;
  }

  /// The reverse of rows(), for a gradient that is no longer needed in `turned`.
  Tensor unrow(const Tensor& turned_gradient) const {
    if (in_order) return turned_gradient.view(from);
    Tensor dx = Tensor::empty(from, turned_gradient.dtype());
    copy_places(turned, turned_gradient, row_major(turned), dx, places);
    return dx;
  }
};

/// Calls f(row number, first element of the row) in parallel.
template <class T, class F>
void for_each_row(const Plan& plan, const T* first, F f) {
  parallel_for(plan.result.numel(), 1 + (1 << 13) / (plan.size + 1), [=, &plan](Dim begin, Dim end) {
    for (Dim r = begin; r < end; ++r) f(r, first + r * plan.size);
  });
}

/// Both sum and mean: the total of every row over `divisor`.
Tensor scaled_sum(const Op& op, const Tensor& x, const Plan& plan, double divisor) {
  Tensor y = Tensor::empty(plan.result, x.dtype());
  const Tensor rows = plan.rows(x);
  dispatch(x.dtype(), [&]<class T>() {
    T* const out = y.mutable_data<T>().data();
    for_each_row(plan, rows.data<T>().data(), [=, size = plan.size](Dim r, const T* row) {
      out[r] = static_cast<T>(static_cast<compute_t<T>>(total(row, size) / divisor));
    });
  });
  return record(op, y, {x}, [plan, divisor](const Tensor& dy, Needs) -> Tensors {
    Tensor dx = Tensor::empty(plan.turned, dy.dtype());
    const Tensor g = dy.plain();
    dispatch(dy.dtype(), [&]<class T>() {
      using C = compute_t<T>;
      const T* const source = g.data<T>().data();
      T* const target = dx.mutable_data<T>().data();
      for_each_row(plan, target, [=, size = plan.size](Dim r, const T*) {
        std::fill_n(target + r * size, size, static_cast<T>(static_cast<C>(source[r]) / static_cast<C>(divisor)));
      });
    });
    return {plan.unrow(dx)};
  });
}

Op reduction(std::string_view name, const Plan& plan, bool keepdim) {
  return {name, {{"dims", plan.dims}, {"keepdim", keepdim}}};
}

}  // namespace

Tensor sum(const Tensor& x, const std::vector<int>& dims, bool keepdim) {
  check_floating("sum", x);
  const Plan plan("sum", x.shape(), dims, keepdim);
  return scaled_sum(reduction("sum", plan, keepdim), x, plan, 1);
}

Tensor mean(const Tensor& x, const std::vector<int>& dims, bool keepdim) {
  check_floating("mean", x);
  const Plan plan("mean", x.shape(), dims, keepdim);
  return scaled_sum(reduction("mean", plan, keepdim), x, plan, static_cast<double>(plan.size));
}

Tensor max(const Tensor& x, const std::vector<int>& dims, bool keepdim) {
  check_floating("max", x);
  const Plan plan("max", x.shape(), dims, keepdim);
  check(plan.size > 0 || plan.result.numel() == 0, "max: nothing to take the maximum of in ", x.shape());
  Tensor y = Tensor::empty(plan.result, x.dtype());
  Tensor where = Tensor::empty(plan.result, DType::i64);
  const Tensor rows = plan.rows(x);
  dispatch(x.dtype(), [&]<class T>() {
    T* const out = y.mutable_data<T>().data();
    std::int64_t* const best = where.mutable_data<std::int64_t>().data();
    for_each_row(plan, rows.data<T>().data(), [=, size = plan.size](Dim r, const T* row) {
      Dim first = 0;
      for (Dim i = 1; i < size && row[first] == row[first]; ++i)  // a NaN ends the search
        if (!(row[i] <= row[first])) first = i;
      out[r] = row[first];
      best[r] = first;
    });
  });
  return record(reduction("max", plan, keepdim), y, {x},
                [plan, saved = Saved(where)](const Tensor& dy, Needs) -> Tensors {
                  Tensor dx = Tensor::zeros(plan.turned, dy.dtype());
                  const Tensor g = dy.plain();
                  const auto best = saved.get().data<std::int64_t>();
                  dispatch(dy.dtype(), [&]<class T>() {
                    const auto out = dx.mutable_data<T>();
                    for (std::size_t r = 0; r < best.size(); ++r)
                      out[r * static_cast<std::size_t>(plan.size) + static_cast<std::size_t>(best[r])] = g.data<T>()[r];
                  });
                  return {plan.unrow(dx)};
                });
}

namespace {

OpInfo card(std::string_view name, Tensor (*op)(const Tensor&, const std::vector<int>&, bool)) {
  const auto over = [op](std::vector<int> dims, bool keepdim = false) {
    return [=](const Tensors& in) { return op(in[0], dims, keepdim); };
  };
  return {.name = name,
          .samples = {{"everything", {{2, 3}}, over({})},
                      {"rows", {{3, 7}}, over({1})},
                      {"columns", {{3, 7}}, over({0}, true)},
                      {"pixels", {{2, 21, 4, 5}}, over({2, 3})},
                      {"all but channels", {{2, 3, 4, 5}}, over({-1, 0, 2}, true)},
                      {"scalar", {{}}, over({})},
                      {"no rows", {{0, 3}}, over({1})}},
          .rejects = {{"dimension",
                       [op] {
                         op(Tensor::zeros({2, 3}), {2}, false);
                       },
                       "no dimension 2"},
                      {"twice",
                       [op] {
                         op(Tensor::zeros({2, 3}), {1, -1}, false);
                       },
                       "named twice"},
                      {"integers", [op] { op(Tensor::zeros({2}, DType::i64), {}, false); }, std::string(name)},
                      {"undefined", [op] { op({}, {}, false); }, "undefined"}}};
}

}  // namespace

OpInfo sum_info() { return card("sum", sum); }
OpInfo mean_info() { return card("mean", mean); }

OpInfo max_info() {
  OpInfo info = card("max", max);
  info.rejects.push_back({"nothing", [] { max(Tensor::zeros({3, 0}), {1}); }, "[3, 0]"});
  return info;
}

}  // namespace fanin
