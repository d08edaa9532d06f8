#include "core/ops/linear.h"

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/ops/broadcast.h"
#include "core/ops/cast.h"
#include "core/ops/matmul/kernels.h"

namespace fanin {

namespace {

void check_arguments(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check(weight.defined() && weight.rank() == 2, "linear: weight must be [out, in], got ", weight.shape());
  check(x.defined() && x.rank() == 2 && x.dim(1) == weight.dim(1), "linear: input must be [N, ", weight.dim(1),
        "] for a weight of ", weight.shape(), ", got ", x.shape(), x.rank() > 2 ? "; flatten it first" : "");
  check<DTypeError>(is_floating(x.dtype()) && x.dtype() == weight.dtype(), "linear: input is ", x.dtype(),
                    ", weight is ", weight.dtype(), "; both must be the same floating dtype");
  check(!bias.defined() || bias.shape() == Shape{weight.dim(0)}, "linear: bias must be [", weight.dim(0), "], got ",
        bias.shape());
}

/// Adds b to every row of y.
void add_rows(Tensor& y, const Tensor& bias) {
  dispatch(y.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    const Tensor b = bias.as(dtype_of<C>);
    T* to = y.mutable_data<T>().data();
    for (Dim n = 0; n < y.dim(0); ++n)
      for (const C v : b.data<C>()) {
        *to = static_cast<T>(static_cast<C>(*to) + v);
        ++to;
      }
  });
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (wants_bf16(x, weight)) return linear(cast(x, DType::bf16), cast(weight, DType::bf16), bias);
  check_arguments(x, weight, bias);
  const MatmulKernel& kernel = choose(matmul_kernels, x.dtype());
  const Tensor in = x.plain();
  Tensor y;
  if (shapes_only()) {
    y = Tensor::empty({x.dim(0), weight.dim(0)}, x.dtype());
  } else {
    y = run(kernel, "linear", "output", in, false, weight, true);
    if (bias.defined()) add_rows(y, bias);
  }
  return record({"linear", {}, name_of(kernel.backend)}, y, {x, weight, bias},
                [&kernel, sx = Saved(in), sw = Saved(weight), bias_dtype = bias.dtype()](const Tensor& dy,
                                                                                         Needs needs) -> Tensors {
                  const Tensor d = dy.plain();
                  return {needs[0] ? run(kernel, "linear", "gradient of input 0", d, false, sw.get(), false) : Tensor(),
                          needs[1] ? run(kernel, "linear", "gradient of input 1", d, true, sx.get(), false) : Tensor(),
                          needs[2] ? sum_to(d, {d.dim(1)}).as(bias_dtype) : Tensor()};
                });
}

OpInfo linear_info() {
  const auto call = [](const Tensors& in) { return linear(in[0], in[1], in.size() > 2 ? in[2] : Tensor()); };
  const auto bad = [](const Shape& x, const Shape& w, const Shape& b) {
    return [=] { linear(Tensor::zeros(x), Tensor::zeros(w), Tensor::zeros(b)); };
  };
  return {.name = "linear",
          .samples = {{"with bias", {{3, 4}, {5, 4}, {5}}, call},
                      {"without", {{2, 17}, {33, 17}}, call},
                      {"one sample", {{1, 21}, {10, 21}, {10}}, call},
                      {"empty batch", {{0, 4}, {5, 4}, {5}}, call}},
          .rejects = {{"features", bad({2, 3}, {5, 4}, {5}), "[N, 4]"},
                      {"image", bad({2, 3, 4, 4}, {5, 48}, {5}), "flatten"},
                      {"bias", bad({2, 4}, {5, 4}, {4}), "bias must be [5]"}}};
}

}  // namespace fanin
