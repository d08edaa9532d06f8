#include "core/ops/reshape.h"

#include "core/autograd.h"
#include "core/ops/arguments.h"

namespace fanin {

namespace {

/// Sizes as a caller gave them, −1 and all, for messages.
std::string listed(std::initializer_list<Dim> sizes) {
  std::string out = "[";
  for (Dim size : sizes) out += (out.size() > 1 ? ", " : "") + std::to_string(size);
  return out + "]";
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  check_floating("reshape", x);
  check(shape.numel() == x.numel(), "reshape: ", x.shape(), " has ", x.numel(), " elements, ", shape, " would have ",
        shape.numel());
  const Tensor y = x.plain().view(shape);
  return record({"reshape", {{"shape", std::vector<Dim>(shape.begin(), shape.end())}}}, y, {x},
                [from = x.shape()](const Tensor& dy, Needs) -> Tensors { return {dy.plain().view(from)}; });
}

Tensor reshape(const Tensor& x, std::initializer_list<Dim> sizes) {
  check_floating("reshape", x);
  std::vector<Dim> known(sizes);
  const auto open = std::ranges::find(known, -1);
  if (open != known.end()) {
    check(std::ranges::count(known, -1) == 1, "reshape: only one size may be -1, got ", listed(sizes));
    *open = 1;
    const Dim rest = Shape(std::span<const Dim>(known)).numel();
    check(rest > 0 && x.numel() % rest == 0, "reshape: ", x.shape(), " with ", x.numel(), " elements does not fit ",
          listed(sizes));
    *open = x.numel() / rest;
  }
  return reshape(x, Shape(std::span<const Dim>(known)));
}

Tensor flatten(const Tensor& x, int start) {
  const int first = wrap_dim("flatten", start, x.rank());
  Shape shape(std::span<const Dim>(x.shape().begin(), static_cast<std::size_t>(first) + 1));
  shape[first] = x.shape().numel_from(first);
  return reshape(x, shape);
}

OpInfo reshape_info() {
  return {.name = "reshape",
          .samples = {{"pair",
                       {{2, 6}},
                       [](const Tensors& in) {
                         return reshape(in[0], {3, -1});
                       }},
                      {"flatten", {{2, 3, 4, 5}}, [](const Tensors& in) { return flatten(in[0]); }},
                      {"flatten all", {{2, 3, 4, 5}}, [](const Tensors& in) { return flatten(in[0], -4); }},
                      {"scalar", {{1, 1}}, [](const Tensors& in) { return reshape(in[0], Shape()); }},
                      {"empty",
                       {{0, 3}},
                       [](const Tensors& in) {
                         return reshape(in[0], {-1, 6});
                       }}},
          .rejects = {{"count",
                       [] {
                         reshape(Tensor::zeros({2, 3}), {4, 2});
                       },
                       "[4, 2]"},
                      {"remainder",
                       [] {
                         reshape(Tensor::zeros({2, 3}), {4, -1});
                       },
                       "[4, -1]"},
                      {"two open sizes",
                       [] {
                         reshape(Tensor::zeros({2, 3}), {-1, -1});
                       },
                       "only one"},
                      {"no way to tell",
                       [] {
                         reshape(Tensor::zeros({0, 3}), {0, -1});
                       },
                       "[0, -1]"},
                      {"dimension",
                       [] {
                         flatten(Tensor::zeros({2, 3}), 2);
                       },
                       "no dimension 2"},
                      {"undefined", [] { reshape(Tensor(), {1}); }, "undefined"}}};
}

}  // namespace fanin
