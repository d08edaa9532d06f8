#include <algorithm>
#include <bit>

#include "core/backends/onednn.h"
#include "core/ops/batch_norm2d/kernels.h"
#include "core/threads.h"

namespace fanin::onednn {

namespace {

struct Normalisation {
  Layout layout;
  Desc data, channels, mask;
  Primitive forward, backward;
};

Normalisation make(const Shape& shape, DType dtype, double wanted_eps, bool relu) {
  const double eps = std::max(wanted_eps, 1e-37);  // lanes without a channel have no variance: 0 · 1/√0 is no number
  Normalisation n;
  n.layout = preferred_layout(dtype, shape);
  const Shape whole = whole_blocks(shape, n.layout);
  n.data = describe(whole, dtype, n.layout);
  n.channels = describe({whole[1]}, DType::f32);
  const auto forward = describe_batch_norm(n.data, static_cast<float>(eps), relu);
  const auto backward = describe_batch_norm_backward(n.data, static_cast<float>(eps), relu, forward);
  if (relu) n.mask = forward.workspace_desc();
  n.forward = Primitive(dnnl::batch_normalization_forward(forward), forward);
  n.backward = Primitive(dnnl::batch_normalization_backward(backward), backward);
  return n;
}

const Normalisation& normalisation(const Shape& shape, DType dtype, double eps, bool relu) {
  thread_local RecentlyUsed<Normalisation> cache(128);
  const auto eps_bits = std::bit_cast<Dim>(eps);
  return cache.get({shape[0], shape[1], shape[2], shape[3], static_cast<Dim>(dtype), eps_bits, relu, threads()},
                   [&] { return make(shape, dtype, eps, relu); });
}

template <class Body>
decltype(auto) guarded(const Shape& shape, const Body& body) {
  return translating(
      "batch_norm2d", [&] { return text("x ", shape); }, body);
}

/// `vector` with zeros for the channels that only fill the last block.
Tensor padded(const Tensor& vector, Dim channels) {
  if (vector.dim(0) == channels) return vector;
  Tensor result = Tensor::zeros({channels});
  std::ranges::copy(vector.data<float>(), result.mutable_data<float>().begin());
  return result;
}

Tensor cut(const Tensor& vector, Dim channels) {
  if (vector.dim(0) == channels) return vector;
  return Tensor::from(vector.data<float>().first(static_cast<std::size_t>(channels)), {channels});
}

bool supports_batch_norm2d(const Shape& shape, DType dtype, Layout) { return supports(dtype) && shape.numel() > 0; }

BatchNorm2dResult training(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                           const BatchNorm2dTail& tail) {
  const bool relu = tail.relu;
  return guarded(x.shape(), [&] {
    const Normalisation& n = normalisation(x.shape(), x.dtype(), eps, relu);
    const Dim C = whole_blocks(x.shape(), n.layout)[1];
    const Tensor source = x.to(n.layout);
    const Tensor scale = padded(weight, C);
    const Tensor shift = padded(bias, C);
    Tensor y = Tensor::empty(x.shape(), x.dtype(), n.layout);
    Tensor mean = Tensor::empty({C});
    Tensor variance = Tensor::empty({C});
    Tensor mask = relu ? buffer(n.mask) : Tensor();
    Primitive::Arguments arguments{
        {DNNL_ARG_SRC, input(n.data, source)},      {DNNL_ARG_SCALE, input(n.channels, scale)},
        {DNNL_ARG_SHIFT, input(n.channels, shift)}, {DNNL_ARG_DST, output(n.data, y)},
        {DNNL_ARG_MEAN, output(n.channels, mean)},  {DNNL_ARG_VARIANCE, output(n.channels, variance)}};
    if (relu) arguments.emplace(DNNL_ARG_WORKSPACE, output(n.mask, mask));
    n.forward.run(std::move(arguments));
    return BatchNorm2dResult{y, cut(mean, x.dim(1)), cut(variance, x.dim(1)), mask};
  });
}

// With given statistics the operator is one multiplication and addition an element, and has no workspace for a
// gradient: the vector kernel does both directions, or, for channels-last in no whole lanes, the reference.
bool has_vectors(const Tensor& x) { return simd::batch_norm2d.supports(x.shape(), x.dtype(), x.layout()); }
const BatchNorm2dKernels& by_statistics(const Tensor& x) {
  return has_vectors(x) ? simd::batch_norm2d : reference::batch_norm2d;
}
Tensor for_vectors(const Tensor& x) { return has_vectors(x) ? x : x.to(preferred_layout(x.dtype(), x.shape())); }

Tensor evaluation(const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& weight, const Tensor& bias,
                  double eps, const BatchNorm2dTail& tail) {
  const Tensor source = for_vectors(x);
  return by_statistics(source).evaluation(source, mean, variance, weight, bias, eps, tail);
}

BatchNorm2dGradients backward(Tensor dy, Tensor /*more*/, const BatchNorm2dSaved& saved, bool through_statistics) {
  const Tensor& x = saved.x;
  if (!through_statistics) {
    const Tensor source = for_vectors(x);
    return by_statistics(source).backward(
        std::move(dy), {},
        {source, saved.mean, saved.variance, saved.weight, saved.bias, saved.workspace, saved.y, saved.eps, saved.relu},
        false);
  }
  return guarded(x.shape(), [&] {
    const Normalisation& n = normalisation(x.shape(), x.dtype(), saved.eps, saved.relu);
    const Dim C = whole_blocks(x.shape(), n.layout)[1];
    const Tensor source = x.to(n.layout);
    const Tensor gradient = dy.to(n.layout);
    const Tensor mean = padded(saved.mean, C);
    const Tensor variance = padded(saved.variance, C);
    const Tensor scale = padded(saved.weight, C);
    const Tensor shift = padded(saved.bias, C);
    Tensor dx = Tensor::empty(x.shape(), x.dtype(), n.layout);
    Tensor dscale = Tensor::empty({C});
    Tensor dshift = Tensor::empty({C});
    Primitive::Arguments arguments{{DNNL_ARG_SRC, input(n.data, source)},
                                   {DNNL_ARG_MEAN, input(n.channels, mean)},
                                   {DNNL_ARG_VARIANCE, input(n.channels, variance)},
                                   {DNNL_ARG_DIFF_DST, input(n.data, gradient)},
                                   {DNNL_ARG_SCALE, input(n.channels, scale)},
                                   {DNNL_ARG_DIFF_SRC, output(n.data, dx)},
                                   {DNNL_ARG_DIFF_SCALE, output(n.channels, dscale)},
                                   {DNNL_ARG_DIFF_SHIFT, output(n.channels, dshift)}};
    if (batch_norm_backward_wants_shift) arguments.emplace(DNNL_ARG_SHIFT, input(n.channels, shift));
    if (saved.relu) arguments.emplace(DNNL_ARG_WORKSPACE, input(n.mask, saved.workspace));
    n.backward.run(std::move(arguments));
    return BatchNorm2dGradients{dx, cut(dscale, x.dim(1)), cut(dshift, x.dim(1)), {}};
  });
}

}  // namespace

const BatchNorm2dKernels batch_norm2d{Backend::onednn, supports_batch_norm2d, training, evaluation, backward, {}};

}  // namespace fanin::onednn
