#include "core/ops/conv3d/conv3d.h"

#include <algorithm>

#include "core/autograd.h"
#include "core/ops/arguments.h"
#include "core/ops/conv3d/kernels.h"
#include "core/ops/total.h"
#include "core/threads.h"
#include "core/verify.h"

namespace fanin {

namespace {

bool all_within(Size3 size, Dim low) { return fanin::all_within(low, {size.d, size.h, size.w}); }

Size3 axes(const Shape& shape) { return {shape[2], shape[3], shape[4]}; }

/// Output size along one axis; 0 where the kernel does not fit.
Dim output_size(Dim input, Dim kernel, Dim stride, Dim padding, Dim dilation) {
  const Dim room = input + 2 * padding - dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

void check_operands(const Tensor& x, const Tensor& weight, const Tensor& bias, Dim groups) {
  check_floating("conv3d", x);
  check_floating("conv3d", weight);
  check(x.rank() == 5, "conv3d: input must be [N, C, D, H, W], got ", x.shape());
  check(weight.rank() == 5, "conv3d: weight must be [OC, IC/groups, KD, KH, KW], got ", weight.shape());
  check<DTypeError>(x.dtype() == weight.dtype(), "conv3d: input is ", x.dtype(), ", weight is ", weight.dtype(),
                    "; cast() one of them");
  const Dim IC = x.dim(1);
  const Dim OC = weight.dim(0);
  check(groups >= 1 && IC % groups == 0 && OC % groups == 0, "conv3d: groups=", groups, " must divide the ", IC,
        " input channels and the ", OC, " output channels");
  check(weight.dim(1) == IC / groups, "conv3d: with groups=", groups, " each group sees ", IC / groups,
        " channels of input ", x.shape(), ", but weight ", weight.shape(), " expects ", weight.dim(1));
  if (!bias.defined()) return;
  check(bias.shape() == Shape{OC}, "conv3d: bias must be [", OC, "], got ", bias.shape());
  check<DTypeError>(bias.dtype() == x.dtype() || (x.dtype() == DType::bf16 && bias.dtype() == DType::f32),
                    "conv3d: input is ", x.dtype(), ", bias is ", bias.dtype());
}

Conv3dGeometry geometry_of(const Tensor& x, const Tensor& weight, const Conv3dOptions& o) {
  check(all_within(o.stride, 1), "conv3d: stride must be from 1 to below 2³¹, got ", o.stride);
  check(all_within(o.dilation, 1), "conv3d: dilation must be from 1 to below 2³¹, got ", o.dilation);
  check(all_within(o.padding, 0), "conv3d: padding must be from 0 to below 2³¹, got ", o.padding);
  const Size3 in = axes(x.shape());
  const Size3 k = axes(weight.shape());
  check(all_within(k, 1), "conv3d: kernel must be from 1 to below 2³¹, got ", k);
  const Size3 out{output_size(in.d, k.d, o.stride.d, o.padding.d, o.dilation.d),
                  output_size(in.h, k.h, o.stride.h, o.padding.h, o.dilation.h),
                  output_size(in.w, k.w, o.stride.w, o.padding.w, o.dilation.w)};
  check(std::min({out.d, out.h, out.w}) >= 1, "conv3d: a kernel of ", k, " with dilation ", o.dilation,
        " does not fit an input of ", in, " with padding ", o.padding, "; pad more or give larger volumes");
  return {x.dim(0), o.groups, weight.dim(0) / o.groups, weight.dim(1), in, out, k, o.stride, o.padding, o.dilation};
}

/// db[o] = Σ dy[n, o, d, h, w].
Tensor bias_gradient(const Tensor& dy, DType dtype) {
  const Dim OC = dy.dim(1);
  const Dim volume = dy.shape().numel_from(2);
  std::vector<double> sums(static_cast<std::size_t>(OC));
  dispatch(dy.dtype(), [&]<class T>() {
    const T* from = dy.data<T>().data();
    for (Dim no = 0; no < dy.dim(0) * OC; ++no)
      sums[static_cast<std::size_t>(no % OC)] += total(from + no * volume, volume);
  });
  return Tensor::from(sums, {OC}).as(dtype);
}

Tensor input_gradient(const Conv3dKernels& kernels, const Conv3dGeometry& g, const Tensor& dy, const Tensor& weight) {
  return verified(
      "conv3d", {&dy, &weight}, kernels, reference::conv3d,
      [&](const Conv3dKernels& k) { return k.backward_input(g, dy, weight); }, "gradient of input 0");
}

Tensor weight_gradient(const Conv3dKernels& kernels, const Conv3dGeometry& g, const Tensor& dy, const Tensor& x) {
  return verified(
      "conv3d", {&dy, &x}, kernels, reference::conv3d,
      [&](const Conv3dKernels& k) { return k.backward_weight(g, dy, x); }, "gradient of input 1");
}

std::vector<Dim> listed(Size3 size) { return {size.d, size.h, size.w}; }

}  // namespace

Tensor conv3d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv3dOptions& options) {
  check_operands(x, weight, bias, options.groups);
  const Conv3dGeometry g = geometry_of(x, weight, options);
  const Conv3dKernels& kernels = choose(conv3d_kernels, g, x.dtype());
  const DType computed = x.dtype() == DType::f64 ? DType::f64 : DType::f32;
  const Tensor b = bias.defined() ? bias.as(computed) : bias;
  const Tensor y =
      shapes_only() ? Tensor::empty(g.output_shape(), x.dtype())
                    : verified(
                          "conv3d", {&x, &weight, &bias}, kernels, reference::conv3d,
                          [&](const Conv3dKernels& k) { return k.forward(g, x.plain(), weight.plain(), b); }, "output");
  return record({"conv3d",
                 {{"kernel_size", listed(g.kernel)},
                  {"stride", listed(g.stride)},
                  {"padding", listed(g.padding)},
                  {"dilation", listed(g.dilation)},
                  {"groups", g.G}},
                 name_of(kernels.backend)},
                y, {x, weight, bias},
                [g, &kernels, sx = Saved(x), sw = Saved(weight), bias_dtype = bias.dtype()](const Tensor& dy,
                                                                                            Needs needs) -> Tensors {
                  const Tensor d = dy.plain();
                  return {needs[0] ? input_gradient(kernels, g, d, sw.get().plain()) : Tensor(),
                          needs[1] ? weight_gradient(kernels, g, d, sx.get().plain()) : Tensor(),
                          needs[2] ? bias_gradient(d, bias_dtype) : Tensor()};
                });
}

namespace {

std::vector<Sample> samples() {
  const auto call = [](Conv3dOptions options) {
    return [=](const Tensors& in) { return conv3d(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), options); };
  };
  return {{"as in C3D", {{2, 3, 3, 4, 5}, {4, 3, 3, 3, 3}, {4}}, call({.padding = 1})},
          {"pointwise", {{2, 4, 2, 3, 3}, {5, 4, 1, 1, 1}, {5}}, call({})},
          {"no bias, stride", {{1, 2, 5, 4, 6}, {3, 2, 2, 3, 3}}, call({.stride = {2, 1, 2}, .padding = {0, 1, 2}})},
          {"groups, dilation",
           {{2, 6, 4, 5, 5}, {4, 3, 2, 3, 2}},
           call({.padding = 1, .dilation = {1, 2, 3}, .groups = 2})},
          {"depthwise", {{1, 5, 3, 3, 4}, {10, 1, 2, 2, 2}, {10}}, call({.groups = 5})},
          {"21 channels", {{1, 21, 2, 3, 3}, {9, 21, 2, 2, 2}, {9}}, call({})},
          {"empty batch", {{0, 2, 3, 3, 3}, {2, 2, 3, 3, 3}}, call({})}};
}

}  // namespace

OpInfo conv3d_info() {
  const auto call = [](const Shape& x, const Shape& w, Conv3dOptions options, DType dtype = DType::f32) {
    return [=] { conv3d(Tensor::zeros(x), Tensor::zeros(w, dtype), {}, options); };
  };
  const Shape x{1, 6, 3, 5, 5};
  return {.name = "conv3d",
          .samples = samples(),
          .rejects = {{"rank", call({1, 3, 4, 5}, {2, 3, 1, 1, 1}, {}), "[1, 3, 4, 5]"},
                      {"channels", call(x, {4, 2, 3, 3, 3}, {.groups = 2}), "each group sees 3"},
                      {"groups", call(x, {4, 2, 3, 3, 3}, {.groups = 4}), "groups=4 must divide"},
                      {"no groups", call(x, {4, 6, 3, 3, 3}, {.groups = 0}), "groups=0"},
                      {"stride", call(x, {4, 6, 3, 3, 3}, {.stride = 0}), "stride"},
                      {"padding", call(x, {4, 6, 3, 3, 3}, {.padding = Dim{1} << 62}), "padding"},
                      {"too small", call(x, {4, 6, 4, 3, 3}, {}), "does not fit"},
                      {"dtype", call(x, {4, 6, 3, 3, 3}, {}, DType::f64), "f64"}},
          .high = 1,
          .bf16_tolerance = 3e-2};
}

}  // namespace fanin
