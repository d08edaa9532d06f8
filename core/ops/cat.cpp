#include "core/ops/cat.h"

#include "core/autograd.h"
#include "core/ops/arguments.h"
#include "core/ops/places.h"

namespace fanin {

namespace {

/// The shape of the result.
Shape joined(const Tensors& inputs, int axis) {
  Shape shape = inputs[0].shape();
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    const Tensor& x = inputs[i];
    check<DTypeError>(x.dtype() == inputs[0].dtype(), "cat: input ", i, " is ", x.dtype(), ", the first ",
                      inputs[0].dtype(), "; cast() one of them");
    Shape expected = inputs[0].shape();
    if (x.rank() == expected.rank()) expected[axis] = x.dim(axis);
    check(x.shape() == expected, "cat: input ", i, " of shape ", x.shape(), " does not fit the first, ",
          inputs[0].shape(), ", along dimension ", axis);
    shape[axis] += x.dim(axis);
  }
  return shape;
}

}  // namespace

Tensor cat(const Tensors& inputs, int dim) {
  check(!inputs.empty() && inputs.size() <= 32, "cat: 1 to 32 inputs, got ", inputs.size());
  for (const Tensor& x : inputs) check_floating("cat", x);
  const int axis = wrap_dim("cat", dim, inputs[0].rank());
  Tensor y = Tensor::empty(joined(inputs, axis), inputs[0].dtype());
  Places part = row_major(y.shape());
  std::vector<Shape> shapes;
  for (const Tensor& x : inputs) {
    copy_places(x.shape(), x.plain(), row_major(x.shape()), y, part);
    part.first += x.dim(axis) * part[axis];
    shapes.push_back(x.shape());
  }
  return record({"cat", {{"dim", Dim{axis}}}}, y, inputs, [shapes, axis](const Tensor& dy, Needs needs) -> Tensors {
    const Tensor g = dy.plain();
    Places source = row_major(g.shape());
    Tensors result(shapes.size());
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      if (needs[i]) {
        result[i] = Tensor::empty(shapes[i], g.dtype());
        copy_places(shapes[i], g, source, result[i], row_major(shapes[i]));
      }
      source.first += shapes[i][axis] * source[axis];
    }
    return result;
  });
}

OpInfo cat_info() {
  const auto along = [](int dim) { return [=](const Tensors& in) { return cat(in, dim); }; };
  return {.name = "cat",
          .samples = {{"rows", {{2, 3}, {1, 3}, {4, 3}}, along(0)},
                      {"channels", {{2, 3, 4, 5}, {2, 21, 4, 5}}, along(1)},
                      {"last", {{2, 3}, {2, 1}}, along(-1)},
                      {"one", {{2, 3}}, along(1)},
                      {"empty part", {{2, 0}, {2, 3}}, along(1)},
                      {"empty", {{0, 3}, {0, 2}}, along(1)}},
          .rejects = {{"nothing", [] { cat({}); }, "got 0"},
                      {"sizes",
                       [] {
                         cat({Tensor::zeros({2, 3}), Tensor::zeros({2, 4})}, 0);
                       },
                       "input 1"},
                      {"ranks",
                       [] {
                         cat({Tensor::zeros({2, 3}), Tensor::zeros({2})}, 0);
                       },
                       "[2]"},
                      {"dtypes",
                       [] {
                         cat({Tensor::zeros({2}), Tensor::zeros({2}, DType::f64)});
                       },
                       "f64"},
                      {"dimension", [] { cat({Tensor::zeros({2})}, 1); }, "no dimension 1"},
                      {"undefined",
                       [] {
                         cat({Tensor::zeros({2}), {}});
                       },
                       "undefined"}}};
}

}  // namespace fanin
