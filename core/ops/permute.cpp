#include "core/ops/permute.h"

#include <algorithm>

#include "core/autograd.h"
#include "core/ops/arguments.h"
#include "core/ops/places.h"

namespace fanin {

namespace {

using Order = std::vector<int>;

std::string listed(const Order& dims) {
  std::string out = "{";
  for (int d : dims) out += (out.size() > 1 ? ", " : "") + std::to_string(d);
  return out + "}";
}

Order checked(const Order& dims, const Shape& shape) {
  Order order;
  for (int d : dims) order.push_back(wrap_dim("permute", d, shape.rank()));
  Order sorted = order;
  std::ranges::sort(sorted);
  for (int i = 0; i < shape.rank(); ++i)
    check(dims.size() == static_cast<std::size_t>(shape.rank()) && sorted[static_cast<std::size_t>(i)] == i,
          "permute: ", listed(dims), " does not name each dimension of ", shape, " once");
  return order;
}

Tensor permuted(const Tensor& x, const Order& order) {
  const Places all = row_major(x.shape());
  Shape shape = x.shape();
  Places source;
  for (int i = 0; i < shape.rank(); ++i) {
    const int d = order[static_cast<std::size_t>(i)];
    shape[i] = x.dim(d);
    source[i] = all[d];
  }
  Tensor y = Tensor::empty(shape, x.dtype());
  copy_places(shape, x.plain(), source, y, row_major(shape));
  return y;
}

}  // namespace

Tensor permute(const Tensor& x, const std::vector<int>& dims) {
  check_floating("permute", x);
  const Order order = checked(dims, x.shape());
  Order inverse(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) inverse[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
  return record({"permute", {{"dims", std::vector<Dim>(order.begin(), order.end())}}}, permuted(x, order), {x},
                [inverse](const Tensor& dy, Needs) -> Tensors { return {permuted(dy, inverse)}; });
}

OpInfo permute_info() {
  const auto to = [](std::vector<int> dims) { return [=](const Tensors& in) { return permute(in[0], dims); }; };
  return {.name = "permute",
          .samples = {{"transpose", {{2, 6}}, to({1, 0})},
                      {"channels last", {{2, 3, 4, 5}}, to({0, 2, 3, 1})},
                      {"no involution", {{2, 3, 4, 5}}, to({-1, 0, 1, 2})},
                      {"six dimensions", {{2, 1, 3, 2, 1, 2}}, to({5, 3, 1, 4, 2, 0})},
                      {"scalar", {{}}, to({})},
                      {"empty", {{0, 3}}, to({1, 0})}},
          .rejects = {{"twice",
                       [] {
                         permute(Tensor::zeros({2, 3}), {0, 0});
                       },
                       "{0, 0}"},
                      {"too few",
                       [] {
                         permute(Tensor::zeros({2, 3}), {0});
                       },
                       "{0}"},
                      {"too many",
                       [] {
                         permute(Tensor::zeros({2}), {0, 0});
                       },
                       "{0, 0}"},
                      {"dimension",
                       [] {
                         permute(Tensor::zeros({2, 3}), {0, 2});
                       },
                       "no dimension 2"},
                      {"integers",
                       [] {
                         permute(Tensor::zeros({2, 3}, DType::i64), {1, 0});
                       },
                       "i64"}}};
}

}  // namespace fanin
