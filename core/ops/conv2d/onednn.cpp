#include "core/ops/conv2d/onednn.h"

#include <algorithm>
#include <cstring>

#include "core/backends/onednn.h"
#include "core/ops/conv2d/working_copies.h"
#include "core/ops/tail.h"
#include "core/threads.h"

namespace fanin::onednn {

namespace {

enum class Direction : Dim { forward, backward_input, backward_weight };

/// The convolution as oneDNN is given it. Groups with fewer channels than a block are merged, their weights set on the
/// diagonal of a larger weight and zero elsewhere: for small groups oneDNN has only a gemm or its reference. Channel
/// counts are rounded up to whole blocks, which the layout holds anyway, with zero weights for the lanes beyond C.
/// So the zero lanes of x stay zero in y. (A NaN or infinity reaches all channels of its merged group.)
struct Plan {
  Dim G = 1, IC = 1, OC = 1;
  Dim merged = 1;  // groups in one of G
  Layout x, y;
};

Dim round_up(Dim count, Dim multiple) { return (count + multiple - 1) / multiple * multiple; }

/// The smallest divisor of `groups` that satisfies the condition, or all of them.
template <class Condition>
Dim merge(Dim groups, const Condition& enough) {
  for (Dim m = 1; m < groups; ++m)
    if (groups % m == 0 && enough(m)) return m;
  return groups;
}

Plan make_plan(const Conv2dGeometry& g, DType dtype, Direction direction) {
  const Dim I = g.IC / g.G;
  const Dim O = g.OC / g.G;
  const bool depthwise = g.G > 1 && I == 1 && O == 1;
  const Shape x{g.N, g.IC, g.IH, g.IW};
  const Shape y{g.N, g.OC, g.OH, g.OW};
  Plan plan{g.G, g.IC, g.OC, 1, preferred_layout(dtype, x), preferred_layout(dtype, y)};
  if (prefers_channels_last(dtype)) {
    // AMX multiplies 16 rows by 32 columns of bf16: measured best from 32 channels a group on.
    if (!depthwise) plan.merged = merge(g.G, [&](Dim m) { return m * std::min(I, O) >= 32; });
    plan.G = g.G / plan.merged;
    return plan;
  }
  const Dim B = plan.y.block;
  plan.OC = round_up(g.OC, B);
  plan.IC = round_up(g.IC, B);
  if (depthwise) {
    plan.merged = g.KH == 3 && g.KW == 3 ? 1 : B;  // other sizes lack a backward kernel of their own
    plan.G = plan.OC / plan.merged;
    return plan;
  }
  plan.merged = merge(g.G, [&](Dim m) { return m * I % B == 0 && m * O % B == 0; });
  plan.G = g.G / plan.merged;
  // The first layer's kernels read images as they come.
  if (plan.G == 1 && (g.IC == 3 || (g.IC < 3 && B == 16 && dtype == DType::f32)) &&
      direction != Direction::backward_input) {
    plan.IC = g.IC;
    plan.x = Layout::plain();
  }
  return plan;
}

struct Convolution {
  Plan plan;
  Primitive primitive;
  Desc x, y, weight, bias;
  Desc plain_weight;  // row-major, as merged and padded by the plan
  Primitive reorder;  // of the weight from plain, or of its gradient to plain
  std::string implementation;
  bool is_reference = false;
};

template <class PrimitiveDesc>
void finish(Convolution& c, const PrimitiveDesc& desc, const dnnl::primitive& primitive) {
  c.primitive = Primitive(primitive, desc);
  c.implementation = desc.impl_info_str();
  c.is_reference = c.implementation.find("ref") != std::string::npos;
}

/// oneDNN 2.6's 1x1 weight gradient in bf16 and channels-last writes beyond its scratch memory where the stride is 2
/// and the channels are few; the next kernel in its list is no slower.
template <class PrimitiveDesc>
void skip_unsafe(PrimitiveDesc& desc) {
  while (std::string_view(desc.impl_info_str()).starts_with("jit_bf16_1x1") && desc.next_impl()) {
  }
}

/// What a forward primitive does besides the products.
struct Extras {
  bool bias = false, addend = false, relu = false;
};

Convolution make_convolution(const Conv2dGeometry& g, DType dtype, DType weight_dtype, Direction direction,
                             Extras with) {
  Convolution c;
  c.plan = make_plan(g, dtype, direction);
  const Plan& p = c.plan;
  c.x = describe({g.N, p.IC, g.IH, g.IW}, dtype, p.x);
  c.y = describe({g.N, p.OC, g.OH, g.OW}, dtype, p.y);
  const Dims weight = p.G > 1 ? Dims{p.G, p.OC / p.G, p.IC / p.G, g.KH, g.KW} : Dims{p.OC, p.IC, g.KH, g.KW};
  c.bias = with.bias ? row_major({p.OC}, DType::f32) : Desc();
  c.plain_weight = row_major(weight, weight_dtype);

  const Dims strides{g.stride.h, g.stride.w};
  // Between the taps of one tap there is nothing: said so, because oneDNN has fewer kernels for dilation.
  const Dims dilates{g.KH > 1 ? g.dilation.h - 1 : 0, g.KW > 1 ? g.dilation.w - 1 : 0};
  const Dims padding{g.padding.h, g.padding.w};
  const auto direct = dnnl::algorithm::convolution_direct;
  const auto forward = [&] {
    using P = dnnl::convolution_forward;
    const Desc any = any_order(weight, dtype);
    const auto training = dnnl::prop_kind::forward_training;
    const auto tail = attributes_with(with.addend, with.relu);
    return with.bias
               ? describe_forward_with<P>(tail, training, direct, c.x, any, c.bias, c.y, strides, dilates, padding,
                                          padding)
               : describe_forward_with<P>(tail, training, direct, c.x, any, c.y, strides, dilates, padding, padding);
  }();
  if (direction == Direction::forward) {
    c.weight = forward.weights_desc();
    finish(c, forward, dnnl::convolution_forward(forward));
  } else if (direction == Direction::backward_input) {
    using P = dnnl::convolution_backward_data;
    const Desc any = any_order(weight, dtype);
    const auto desc = describe_backward<P>(forward, direct, c.x, any, c.y, strides, dilates, padding, padding);
    c.weight = desc.weights_desc();
    finish(c, desc, P(desc));
  } else {
    using P = dnnl::convolution_backward_weights;
    const Desc any = any_order(weight, DType::f32);  // sums over batch and positions: never rounded on the way
    auto desc = describe_backward<P>(forward, direct, c.x, any, c.y, strides, dilates, padding, padding);
    if (prefers_channels_last(dtype)) skip_unsafe(desc);
    c.weight = desc.diff_weights_desc();
    finish(c, desc, P(desc));
  }
  if (c.weight != c.plain_weight)
    c.reorder = direction == Direction::backward_weight ? make_reorder(c.weight, c.plain_weight)
                                                        : make_reorder(c.plain_weight, c.weight);
  return c;
}

RecentlyUsed<Convolution>& convolutions() {
  thread_local RecentlyUsed<Convolution> cache(512);
  return cache;
}

const Convolution& convolution(const Conv2dGeometry& g, DType dtype, DType weight_dtype, Direction direction,
                               Extras with = {}) {
  const std::vector<Dim> key{g.N,
                             g.G,
                             g.IC,
                             g.OC,
                             g.IH,
                             g.IW,
                             g.OH,
                             g.OW,
                             g.KH,
                             g.KW,
                             g.stride.h,
                             g.stride.w,
                             g.padding.h,
                             g.padding.w,
                             g.dilation.h,
                             g.dilation.w,
                             static_cast<Dim>(dtype),
                             static_cast<Dim>(weight_dtype),
                             static_cast<Dim>(direction),
                             with.bias + 2 * with.addend + 4 * with.relu,
                             threads()};
  return convolutions().get(key, [&] { return make_convolution(g, dtype, weight_dtype, direction, with); });
}

bool as_it_is(const Conv2dGeometry& g, const Plan& plan) {
  return plan.merged == 1 && plan.IC == g.IC && plan.OC == g.OC;
}

/// Calls f(from, to, bytes) for each output channel: where its [IC/G, KH, KW] lies in the plain weight, and where in
/// the merged and padded one.
template <class F>
void for_each_filter(const Conv2dGeometry& g, const Plan& plan, DType dtype, const F& f) {
  const auto element = static_cast<Dim>(size_of(dtype));
  const Dim taps = g.KH * g.KW * element;
  const Dim bytes = g.IC / g.G * taps;
  const Dim wide = plan.IC / plan.G * taps;
  const Dim filters = g.OC / g.G;
  for (Dim o = 0; o < g.OC; ++o) f(o * bytes, o * wide + o / filters % plan.merged * bytes, static_cast<size_t>(bytes));
}

Shape packed_shape(const Conv2dGeometry& g, const Plan& plan) { return {plan.OC, plan.IC / plan.G, g.KH, g.KW}; }

/// The plain weight with its groups set on the diagonal.
Tensor pack(const Conv2dGeometry& g, const Plan& plan, const Tensor& weight) {
  if (as_it_is(g, plan)) return weight;
  Tensor packed = Tensor::zeros(packed_shape(g, plan), weight.dtype());
  const std::byte* source = weight.raw_bytes();
  std::byte* target = packed.mutable_raw_bytes();
  for_each_filter(g, plan, weight.dtype(),
                  [&](Dim from, Dim to, std::size_t bytes) { std::memcpy(target + to, source + from, bytes); });
  return packed;
}

/// The diagonal of a gradient; what lies beside it belongs to no weight.
Tensor unpack(const Conv2dGeometry& g, const Plan& plan, const Tensor& packed) {
  Tensor gradient = Tensor::empty({g.OC, g.IC / g.G, g.KH, g.KW}, packed.dtype());
  const std::byte* source = packed.raw_bytes();
  std::byte* target = gradient.mutable_raw_bytes();
  for_each_filter(g, plan, packed.dtype(),
                  [&](Dim to, Dim from, std::size_t bytes) { std::memcpy(target + to, source + from, bytes); });
  return gradient;
}

WorkingCopies<Desc>& working_copies() {
  thread_local WorkingCopies<Desc> cache(512);
  return cache;
}

Tensor reordered(const Conv2dGeometry& g, const Convolution& c, const Tensor& weight) {
  const Tensor packed = pack(g, c.plan, weight);
  if (c.weight == c.plain_weight) return packed;
  Tensor result = buffer(c.weight);
  c.reorder.run({{DNNL_ARG_FROM, input(c.plain_weight, packed)}, {DNNL_ARG_TO, output(c.weight, result)}});
  return result;
}

/// The weight in the order a primitive wants.
Tensor working_copy(const Conv2dGeometry& g, const Convolution& c, Direction direction, const Tensor& weight) {
  return working_copies().get(weight, {static_cast<Dim>(direction), g.G, c.plan.merged}, c.weight,
                              [&] { return reordered(g, c, weight); });
}

std::string text_of(const Conv2dGeometry& g) {
  return text("x [", g.N, ", ", g.IC, ", ", g.IH, ", ", g.IW, "], weight [", g.OC, ", ", g.IC / g.G, ", ", g.KH, ", ",
              g.KW, "], stride ", g.stride, ", padding ", g.padding, ", dilation ", g.dilation, ", groups ", g.G);
}

template <class Body>
decltype(auto) guarded(const Conv2dGeometry& g, const Body& body) {
  return translating(
      "conv2d", [&] { return text_of(g); }, body);
}

bool supports_conv2d(const Conv2dGeometry& g, DType dtype) {
  // Merging multiplies the work; beyond 16 times a gemm per group is no slower.
  return supports(dtype) && g.N > 0 && make_plan(g, dtype, Direction::forward).merged <= 16;
}

/// For rare geometries (a kernel larger than the image, dilation with stride) oneDNN has only its plain loops: im2col
/// and OpenBLAS are hundreds of times faster, also by way of f32.
template <class Kernel, class... Operands>
Tensor by_blas(const Kernel& kernel, const Conv2dGeometry& g, DType dtype, const Operands&... operands) {
  const auto widened = [](const Tensor& t) { return t.defined() ? t.as(DType::f32) : t; };
  return kernel(g, widened(operands)...).as(dtype);
}

/// In the lanes beyond C the bias is zero, too.
Tensor padded_bias(const Tensor& bias, Dim channels) {
  if (!bias.defined() || (bias.dim(0) == channels && bias.dtype() == DType::f32)) return bias;
  Tensor padded = Tensor::zeros({channels});
  std::ranges::copy(bias.as(DType::f32).data<float>(), padded.mutable_data<float>().begin());
  return padded;
}

/// Where the result is to be written: the sum is made onto what lies there.
Tensor destination(const Conv2dGeometry& g, DType dtype, Layout layout, const Conv2dTail& tail) {
  if (!tail.addend.defined()) return Tensor::empty({g.N, g.OC, g.OH, g.OW}, dtype, layout);
  if (tail.addend.layout() != layout) return tail.addend.to(layout);
  return tail.into_addend ? tail.addend : tail.addend.clone();
}

Tensor forward_fused(const Conv2dGeometry& g, const Tensor& x, const Tensor& weight, const Tensor& bias,
                     const Conv2dTail& tail) {
  return guarded(g, [&] {
    const Extras extras{bias.defined(), tail.addend.defined(), tail.relu};
    const Convolution& c = convolution(g, x.dtype(), weight.dtype(), Direction::forward, extras);
    if (c.is_reference) {
      Tensor y = by_blas(blas::conv2d.forward, g, x.dtype(), x, weight, bias).to(c.plan.y);
      add_and_rectify(y, tail.addend, tail.relu);
      return y;
    }
    const Tensor source = x.to(c.plan.x);
    const Tensor working = working_copy(g, c, Direction::forward, weight);
    const Tensor b = padded_bias(bias, c.plan.OC);
    Tensor y = destination(g, x.dtype(), c.plan.y, tail);
    Primitive::Arguments arguments{{DNNL_ARG_SRC, input(c.x, source)},
                                   {DNNL_ARG_WEIGHTS, input(c.weight, working)},
                                   {DNNL_ARG_DST, output(c.y, y)}};
    if (b.defined()) arguments.emplace(DNNL_ARG_BIAS, input(c.bias, b));
    c.primitive.run(std::move(arguments));
    return y;
  });
}

Tensor forward(const Conv2dGeometry& g, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return forward_fused(g, x, weight, bias, {});
}

Tensor backward_input(const Conv2dGeometry& g, const Tensor& dy, const Tensor& weight) {
  return guarded(g, [&] {
    const Convolution& c = convolution(g, dy.dtype(), weight.dtype(), Direction::backward_input);
    if (c.is_reference) return by_blas(blas::conv2d.backward_input, g, dy.dtype(), dy, weight).to(c.plan.x);
    const Tensor gradient = dy.to(c.plan.y);
    const Tensor working = working_copy(g, c, Direction::backward_input, weight);
    Tensor dx = Tensor::empty({g.N, g.IC, g.IH, g.IW}, dy.dtype(), c.plan.x);
    c.primitive.run({{DNNL_ARG_DIFF_DST, input(c.y, gradient)},
                     {DNNL_ARG_WEIGHTS, input(c.weight, working)},
                     {DNNL_ARG_DIFF_SRC, output(c.x, dx)}});
    return dx;
  });
}

Tensor backward_weight(const Conv2dGeometry& g, const Tensor& dy, const Tensor& x) {
  return guarded(g, [&] {
    const Convolution& c = convolution(g, dy.dtype(), DType::f32, Direction::backward_weight);
    if (c.is_reference) return by_blas(blas::conv2d.backward_weight, g, DType::f32, dy, x);
    const Tensor gradient = dy.to(c.plan.y);
    const Tensor source = x.to(c.plan.x);
    const bool direct = c.weight == c.plain_weight;
    Tensor dw = Tensor::empty(packed_shape(g, c.plan));
    Tensor made = direct ? dw : buffer(c.weight);
    c.primitive.run({{DNNL_ARG_DIFF_DST, input(c.y, gradient)},
                     {DNNL_ARG_SRC, input(c.x, source)},
                     {DNNL_ARG_DIFF_WEIGHTS, output(c.weight, made)}});
    if (!direct) c.reorder.run({{DNNL_ARG_FROM, input(c.weight, made)}, {DNNL_ARG_TO, output(c.plain_weight, dw)}});
    return as_it_is(g, c.plan) ? dw : unpack(g, c.plan, dw);
  });
}

}  // namespace

ConvolutionPlan conv2d_plan(const Conv2dGeometry& g, DType dtype) {
  const Convolution& first = convolution(g, dtype, dtype, Direction::forward);
  return {first.implementation, convolution(g, dtype, dtype, Direction::backward_input).implementation,
          convolution(g, dtype, DType::f32, Direction::backward_weight).implementation, first.plan.G, first.plan.y};
}

ConvolutionCaches conv2d_caches() { return {convolutions().size(), working_copies().size()}; }

constexpr Conv2dKernels conv2d(Backend::onednn, supports_conv2d, vector_layout, forward, backward_input,
                               backward_weight, forward_fused);

}  // namespace fanin::onednn
