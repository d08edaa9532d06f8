#include "core/ops/conv2d/conv2d.h"

#include <utility>

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/ops/add.h"
#include "core/ops/arguments.h"
#include "core/ops/cast.h"
#include "core/ops/conv2d/kernels.h"
#include "core/ops/relu.h"
#include "core/ops/tail.h"
#include "core/verify.h"

namespace fanin {

namespace {

/// Output size along one axis; may be 0 or less where the kernel does not fit.
Dim output_size(Dim input, Dim kernel, Dim stride, Dim padding, Dim dilation) {
  const Dim room = input + 2 * padding - dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

void check_options(const Conv2dOptions& o) {
  check(all_within(1, {o.stride.h, o.stride.w}), "conv2d: stride must be from 1 to below 2³¹, got ", o.stride);
  check(all_within(1, {o.dilation.h, o.dilation.w}), "conv2d: dilation must be from 1 to below 2³¹, got ", o.dilation);
  check(all_within(0, {o.padding.h, o.padding.w}), "conv2d: padding must be from 0 to below 2³¹, got ", o.padding);
  check(o.groups >= 1, "conv2d: groups must be at least 1, got ", o.groups);
}

void check_channels(const Tensor& x, const Tensor& weight, Dim groups) {
  const Dim IC = x.dim(1);
  const Dim OC = weight.dim(0);
  check(IC % groups == 0 && OC % groups == 0, "conv2d: groups=", groups, " must divide the ", IC,
        " input channels and the ", OC, " output channels");
  check(weight.dim(1) == IC / groups, "conv2d: input ", x.shape(), " has ", IC, " channels; with groups=", groups,
        " each group sees ", IC / groups, ", but weight ", weight.shape(), " expects ", weight.dim(1),
        " a group, that is ", weight.dim(1) * groups, " channels in all");
}

/// Whether `weight` is what a bf16 convolution trains: its f32 original.
bool is_master(const Tensor& weight, const Tensor& x) {
  return x.dtype() == DType::bf16 && weight.dtype() == DType::f32;
}

Conv2dGeometry geometry_of(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& o) {
  check(x.defined() && x.rank() == 4, "conv2d: input must be [N, C, H, W], got ", x.shape());
  check(weight.defined() && weight.rank() == 4, "conv2d: weight must be [OC, IC/groups, KH, KW], got ", weight.shape());
  check<DTypeError>(is_floating(x.dtype()) && (x.dtype() == weight.dtype() || is_master(weight, x)),
                    "conv2d: input is ", x.dtype(), ", weight is ", weight.dtype(),
                    "; both must be the same floating dtype, or the weight f32 where the input is bf16");
  check_options(o);
  check(all_within(1, {weight.dim(2), weight.dim(3)}), "conv2d: kernel must be from 1 to below 2³¹, got ",
        Size2(weight.dim(2), weight.dim(3)));
  check_channels(x, weight, o.groups);
  check(!bias.defined() || bias.shape() == Shape{weight.dim(0)}, "conv2d: bias must be [", weight.dim(0), "], got ",
        bias.shape());
  check<DTypeError>(!bias.defined() || bias.dtype() == (x.dtype() == DType::bf16 ? DType::f32 : x.dtype()) ||
                        bias.dtype() == x.dtype(),
                    "conv2d: input is ", x.dtype(), ", bias is ", bias.dtype());
  const Conv2dGeometry g{.N = x.dim(0),
                         .G = o.groups,
                         .IC = x.dim(1),
                         .OC = weight.dim(0),
                         .IH = x.dim(2),
                         .IW = x.dim(3),
                         .OH = output_size(x.dim(2), weight.dim(2), o.stride.h, o.padding.h, o.dilation.h),
                         .OW = output_size(x.dim(3), weight.dim(3), o.stride.w, o.padding.w, o.dilation.w),
                         .KH = weight.dim(2),
                         .KW = weight.dim(3),
                         .stride = o.stride,
                         .padding = o.padding,
                         .dilation = o.dilation};
  check(g.OH >= 1 && g.OW >= 1, "conv2d: a kernel of ", Size2(g.KH, g.KW), " with dilation ", o.dilation,
        " does not fit an input of ", Size2(g.IH, g.IW), " with padding ", o.padding,
        "; pad more or give larger images");
  return g;
}

/// db[o] = Σ dy[n, o, h, w]: summed in the order n, h, w.
Tensor bias_gradient(const Tensor& dy, DType dtype) {
  const Shape& shape = dy.shape();
  const Dim S = shape.numel_from(2);
  const Dim B = dy.layout().block;
  const Dim blocks = dy.layout().blocks(shape);
  std::vector<double> sums(static_cast<std::size_t>(blocks * B));
  dispatch(dy.dtype(), [&]<class T>() {
    const T* in = dy.raw<T>().data();
    for (Dim n = 0; n < shape[0]; ++n)
      for (Dim b = 0; b < blocks; ++b)
        for (Dim s = 0; s < S; ++s)
          for (Dim lane = 0; lane < B; ++lane)
            sums[static_cast<std::size_t>(b * B + lane)] += static_cast<double>(*in++);
  });
  sums.resize(static_cast<std::size_t>(shape[1]));
  return Tensor::from(sums, {shape[1]}).as(dtype);
}

Tensor input_gradient(const Conv2dKernels& kernels, const Conv2dGeometry& g, const Tensor& dy, const Tensor& weight) {
  return verified(
      "conv2d", {&dy, &weight}, kernels, reference::conv2d,
      [&](const Conv2dKernels& k) { return k.backward_input(g, dy, weight); }, "gradient of input 0");
}

Tensor weight_gradient(const Conv2dKernels& kernels, const Conv2dGeometry& g, const Tensor& dy, const Tensor& x) {
  return verified(
      "conv2d", {&dy, &x}, kernels, reference::conv2d,
      [&](const Conv2dKernels& k) { return k.backward_weight(g, dy, x); },
      [&](const Tensor& dw) {
        return std::vector<KernelResult>{{.name = "gradient of input 1", .value = dw, .operands = x.dtype()}};
      });
}

void check_addend(const Tensor& addend, const Tensor& x, const Conv2dGeometry& g) {
  const Shape y{g.N, g.OC, g.OH, g.OW};
  check(addend.shape() == y, "conv2d: the addend must be as the result is, ", y, ", got ", addend.shape());
  check<DTypeError>(addend.dtype() == x.dtype(), "conv2d: input is ", x.dtype(), ", addend is ", addend.dtype());
}

Tensor run_forward(const Conv2dKernels& kernels, const Conv2dGeometry& g, const Tensor& x, const Tensor& weight,
                   const Tensor& bias, const Conv2dTail& tail) {
  const bool has_tail = tail.addend.defined() || tail.relu;
  if (has_tail && kernels.forward_fused != nullptr) return kernels.forward_fused(g, x, weight, bias, tail);
  Tensor y = kernels.forward(g, x, weight, bias);
  if (has_tail) add_and_rectify(y, tail.addend, tail.relu);
  return y;
}

Attributes attributes_of(const Conv2dGeometry& g, bool relu) {
  return {{"kernel_size", std::vector<Dim>{g.KH, g.KW}},
          {"stride", std::vector<Dim>{g.stride.h, g.stride.w}},
          {"padding", std::vector<Dim>{g.padding.h, g.padding.w}},
          {"dilation", std::vector<Dim>{g.dilation.h, g.dilation.w}},
          {"groups", g.G},
          {"relu", relu}};
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options, Tensor addend) {
  const auto is_f32 = [](const Tensor& t) { return t.defined() && t.dtype() == DType::f32; };
  if (wants_bf16(x, weight) && (is_f32(x) || is_f32(addend)))  // the kernels take the weight as it is
    return conv2d(cast(x, DType::bf16), weight, bias, options, addend.defined() ? cast(addend, DType::bf16) : Tensor());
  const Conv2dGeometry g = geometry_of(x, weight, bias, options);
  Tensors inputs{x, weight, bias};
  Conv2dTail tail{.addend = addend.detach(), .into_addend = false, .relu = options.relu};
  if (addend.defined()) {
    check_addend(addend, x, g);
    inputs.push_back(std::move(addend));
    tail.into_addend = tail.addend.storage().use_count() == 2;  // the tail and the inputs: nobody else
  }
  const Conv2dKernels& kernels = choose(conv2d_kernels, g, x.dtype());
  const Tensor w = weight.plain();
  const Tensor y = shapes_only()
                       ? Tensor::empty({g.N, g.OC, g.OH, g.OW}, x.dtype(), kernels.gives(g, x.dtype()))
                       : verified(
                             "conv2d", {&x, &w, &bias, &tail.addend}, kernels, reference::conv2d,
                             [&](const Conv2dKernels& k) { return run_forward(k, g, x, w, bias, tail); }, "output");
  return record({"conv2d", attributes_of(g, options.relu), name_of(kernels.backend)}, y, inputs,
                [g, &kernels, sx = Saved(x), sw = Saved(weight), sy = options.relu ? Saved(y) : Saved(),
                 weight_dtype = weight.dtype(), bias_dtype = bias.dtype(),
                 adds = inputs.size() > 3](const Tensor& dy, Needs needs) mutable -> Tensors {
                  const Tensor d = sy.defined() ? relu_gradient(dy, sy.get()) : dy;
                  // The weight's first: x is gone before dx is made.
                  Tensor dw = needs[1] ? weight_gradient(kernels, g, d, std::exchange(sx, {}).get()).as(weight_dtype)
                                       : Tensor();
                  Tensors gradients{needs[0] ? input_gradient(kernels, g, d, sw.get().plain()) : Tensor(),
                                    std::move(dw), needs[2] ? bias_gradient(d, bias_dtype) : Tensor()};
                  if (adds) gradients.push_back(needs[3] ? d : Tensor());
                  return gradients;
                });
}

namespace {

Sample grid_sample(Dim groups, Size2 stride, Size2 padding, Size2 dilation, Size2 kernel, bool bias) {
  const Dim IC = groups == 1 ? 3 : groups == 2 ? 6 : groups;  // groups = all: depthwise
  const Dim OC = groups == 1 ? 5 : groups == 2 ? 10 : 2 * groups;
  std::vector<Shape> inputs{{2, IC, 6, 7}, {OC, IC / groups, kernel.h, kernel.w}};
  if (bias) inputs.push_back({OC});
  return {text("groups ", groups, " stride ", stride, " padding ", padding, " dilation ", dilation, " kernel ", kernel),
          std::move(inputs), [=](const Tensors& in) {
            return conv2d(in[0], in[1], bias ? in[2] : Tensor(), {stride, padding, dilation, groups});
          }};
}

/// With what may follow a convolution: inputs are x, weight, bias, addend.
std::vector<Sample> tail_samples() {
  std::vector<Sample> result;
  const auto sample = [&](const std::string& label, const Shape& x, const Shape& w, const Shape& y, Dim groups) {
    for (const bool relu : {false, true}) {
      const Conv2dOptions options{.padding = w[2] / 2, .groups = groups, .relu = relu};
      const Shape bias{w[0]};
      result.push_back({label + (relu ? ", addend, relu" : ", addend"), {x, w, bias, y}, [=](const Tensors& in) {
                          return conv2d(in[0], in[1], in[2], options, in[3]);
                        }});
      // an addend nobody else holds may be overwritten
      result.push_back({label + (relu ? ", own addend, relu" : ", own addend"),
                        {x, w, bias, y},
                        [=](const Tensors& in) { return conv2d(in[0], in[1], in[2], options, add(in[3], in[3])); }});
    }
    result.push_back({label + ", relu", {x, w}, [=](const Tensors& in) {
                        return conv2d(in[0], in[1], {}, {.padding = w[2] / 2, .groups = groups, .relu = true});
                      }});
  };
  sample("1x1", {2, 21, 3, 4}, {13, 21, 1, 1}, {2, 13, 3, 4}, 1);
  sample("4 groups of 4", {2, 16, 4, 3}, {16, 4, 3, 3}, {2, 16, 4, 3}, 4);
  sample("depthwise", {1, 5, 3, 4}, {5, 1, 3, 3}, {1, 5, 3, 4}, 5);
  sample("first layer", {1, 3, 5, 4}, {16, 3, 3, 3}, {1, 16, 5, 4}, 1);
  return result;
}

std::vector<Sample> samples() {
  std::vector<Sample> result;
  for (const Dim groups : {1, 2, 4})
    for (const Size2 stride : {Size2(1), Size2(2), Size2(2, 1)})
      for (const Size2 padding : {Size2(0), Size2(1), Size2(2, 0)})
        for (const Size2 dilation : {Size2(1), Size2(2)})
          for (const Size2 kernel : {Size2(1), Size2(3), Size2(3, 2)})
            result.push_back(grid_sample(groups, stride, padding, dilation, kernel, stride == Size2(1)));
  const auto grouped = [](Dim groups) {
    return [=](const Tensors& in) { return conv2d(in[0], in[1], {}, {.stride = 2, .padding = 1, .groups = groups}); };
  };
  result.push_back({"21 channels", {{1, 21, 5, 4}, {13, 21, 3, 3}}, grouped(1)});
  result.push_back({"3 groups of 7", {{2, 21, 5, 4}, {21, 7, 3, 3}}, grouped(3)});
  result.push_back({"2 groups of 16", {{1, 32, 4, 3}, {32, 16, 3, 3}}, grouped(2)});
  result.push_back({"4 groups of 4", {{2, 16, 5, 5}, {16, 4, 3, 3}}, grouped(4)});
  result.push_back({"4 groups of 8 to 4", {{1, 32, 3, 5}, {16, 8, 3, 3}}, grouped(4)});
  // What the vector kernel takes: rows longer and shorter than it does at once, blocks that are not full, any padding.
  const auto narrow = [](Dim groups, Size2 padding) {
    return [=](const Tensors& in) { return conv2d(in[0], in[1], in[2], {.padding = padding, .groups = groups}); };
  };
  result.push_back({"5 groups of 4", {{2, 20, 3, 11}, {20, 4, 3, 3}, {20}}, narrow(5, 1)});
  result.push_back({"3 groups of 8", {{2, 24, 4, 8}, {24, 8, 3, 3}, {24}}, narrow(3, {2, 0})});
  result.push_back({"32 channels", {{2, 32, 3, 2}, {32, 32, 3, 3}, {32}}, narrow(1, 1)});
  result.push_back({"2 groups of 4", {{1, 8, 3, 3}, {8, 4, 3, 3}, {8}}, narrow(2, {0, 2})});
  result.push_back({"empty batch", {{0, 4, 5, 5}, {4, 4, 3, 3}}, grouped(1)});
  for (const Sample& sample : tail_samples()) result.push_back(sample);
  return result;
}

}  // namespace

OpInfo conv2d_info() {
  const auto call = [](const Shape& x, const Shape& w, Conv2dOptions options, DType dtype = DType::f32) {
    return [=] { conv2d(Tensor::zeros(x), Tensor::zeros(w, dtype), {}, options); };
  };
  return {.name = "conv2d",
          .samples = samples(),
          .rejects = {{"addend",
                       [] {
                         conv2d(Tensor::zeros({1, 2, 3, 3}), Tensor::zeros({4, 2, 3, 3}), {}, {.padding = 1},
                                Tensor::zeros({1, 4, 1, 1}));
                       },
                       "[1, 4, 3, 3]"},
                      {"rank", call({3, 4, 5}, {2, 3, 1, 1}, {}), "[3, 4, 5]"},
                      {"channels", call({1, 6, 5, 5}, {4, 2, 3, 3}, {.groups = 2}), "each group sees 3"},
                      {"groups", call({1, 6, 5, 5}, {4, 2, 3, 3}, {.groups = 4}), "groups=4 must divide"},
                      {"stride", call({1, 6, 5, 5}, {4, 6, 3, 3}, {.stride = 0}), "stride"},
                      {"padding", call({1, 6, 5, 5}, {4, 6, 3, 3}, {.padding = Dim{1} << 62}), "padding"},
                      {"dilation", call({1, 6, 5, 5}, {4, 6, 3, 3}, {.dilation = Dim{1} << 62}), "dilation"},
                      {"too small", call({1, 6, 2, 5}, {4, 6, 3, 3}, {}), "does not fit"},
                      {"dtype", call({1, 6, 5, 5}, {4, 6, 3, 3}, {}, DType::f64), "f64"}},
          .high = 1,
          .bf16_tolerance = 3e-2};
}

}  // namespace fanin
