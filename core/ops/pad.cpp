#include "core/ops/pad.h"

#include "core/autograd.h"
#include "core/ops/arguments.h"
#include "core/ops/places.h"

namespace fanin {

Tensor pad(const Tensor& x, const std::vector<Dim>& padding, double value) {
  check_floating("pad", x);
  check(padding.size() % 2 == 0 && padding.size() / 2 <= static_cast<std::size_t>(x.rank()),
        "pad: two numbers for each dimension padded, the last one first, got ", padding.size(), " for shape ",
        x.shape());
  for (Dim p : padding) check(p >= 0, "pad: padding cannot be negative, got ", p, "; slice() crops");
  Shape shape = x.shape();
  for (std::size_t i = 0; i < padding.size(); ++i) shape[x.rank() - 1 - static_cast<int>(i / 2)] += padding[i];
  Places inside = row_major(shape);
  for (std::size_t i = 0; i < padding.size(); i += 2)
    inside.first += padding[i] * inside[x.rank() - 1 - static_cast<int>(i / 2)];
  Tensor y = Tensor::full(shape, value, x.dtype());
  copy_places(x.shape(), x.plain(), row_major(x.shape()), y, inside);
  return record({"pad", {{"pad", padding}, {"value", value}}}, y, {x},
                [from = x.shape(), inside](const Tensor& dy, Needs) -> Tensors {
                  Tensor dx = Tensor::empty(from, dy.dtype());
                  copy_places(from, dy.plain(), inside, dx, row_major(from));
                  return {dx};
                });
}

OpInfo pad_info() {
  const auto by = [](std::vector<Dim> padding) { return [=](const Tensors& in) { return pad(in[0], padding, 0.5); }; };
  return {.name = "pad",
          .samples = {{"vector", {{7}}, by({1, 2})},
                      {"image", {{2, 21, 4, 5}}, by({1, 0, 2, 3})},
                      {"every dimension", {{2, 3}}, by({0, 1, 1, 0})},
                      {"none", {{2, 3}}, by({})},
                      {"empty", {{0, 3}}, by({1, 1, 2, 0})}},
          .rejects = {{"odd", [] { pad(Tensor::zeros({2}), {1}); }, "got 1"},
                      {"too long",
                       [] {
                         pad(Tensor::zeros({2}), {1, 1, 1, 1});
                       },
                       "got 4"},
                      {"negative",
                       [] {
                         pad(Tensor::zeros({2}), {1, -1});
                       },
                       "-1"},
                      {"integers",
                       [] {
                         pad(Tensor::zeros({2}, DType::u8), {1, 1});
                       },
                       "u8"}}};
}

}  // namespace fanin
