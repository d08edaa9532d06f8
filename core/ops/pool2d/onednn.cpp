#include <algorithm>

#include "core/backends/onednn.h"
#include "core/ops/pool2d/kernels.h"
#include "core/threads.h"

namespace fanin::onednn {

namespace {

struct Pooling {
  Layout x_layout, y_layout;
  Desc x, y, places;
  Primitive forward, backward;
};

/// How far the last window reaches beyond the image.
Dim padding_after(Dim input, Dim output, Dim kernel, Dim stride, Dim padding) {
  return std::max<Dim>(0, (output - 1) * stride + kernel - input - padding);
}

Shape input_shape(const Pool2dGeometry& g) { return {g.N, g.C, g.IH, g.IW}; }
Shape output_shape(const Pool2dGeometry& g) { return {g.N, g.C, g.OH, g.OW}; }

Pooling make_pooling(const Pool2dGeometry& g, DType dtype, bool max) {
  Pooling p;
  p.x_layout = preferred_layout(dtype, input_shape(g));
  p.y_layout = preferred_layout(dtype, output_shape(g));
  p.x = describe(whole_blocks(input_shape(g), p.x_layout), dtype, p.x_layout);
  p.y = describe(whole_blocks(output_shape(g), p.y_layout), dtype, p.y_layout);
  const auto algorithm = max                   ? dnnl::algorithm::pooling_max
                         : g.count_include_pad ? dnnl::algorithm::pooling_avg_include_padding
                                               : dnnl::algorithm::pooling_avg_exclude_padding;
  const Dims strides{g.stride.h, g.stride.w};
  const Dims kernel{g.KH, g.KW};
  const Dims dense{0, 0};
  const Dims before{g.padding.h, g.padding.w};
  const Dims after{padding_after(g.IH, g.OH, g.KH, g.stride.h, g.padding.h),
                   padding_after(g.IW, g.OW, g.KW, g.stride.w, g.padding.w)};
  const auto forward = describe_forward<PoolingForward>(dnnl::prop_kind::forward_training, algorithm, p.x, p.y, strides,
                                                        kernel, dense, before, after);
  const auto backward =
      describe_backward<PoolingBackward>(forward, algorithm, p.x, p.y, strides, kernel, dense, before, after);
  p.places = forward.workspace_desc();
  p.forward = Primitive(PoolingForward(forward), forward);
  p.backward = Primitive(PoolingBackward(backward), backward);
  return p;
}

const Pooling& pooling(const Pool2dGeometry& g, DType dtype, bool max) {
  thread_local RecentlyUsed<Pooling> cache(128);
  return cache.get({g.N, g.C, g.IH, g.IW, g.OH, g.OW, g.KH, g.KW, g.stride.h, g.stride.w, g.padding.h, g.padding.w,
                    g.count_include_pad, static_cast<Dim>(dtype), max, threads()},
                   [&] { return make_pooling(g, dtype, max); });
}

template <class Body>
decltype(auto) guarded(const Pool2dGeometry& g, const Body& body) {
  return translating(
      "pool2d",
      [&] {
        return text("x ", input_shape(g), ", window ", Size2(g.KH, g.KW), ", stride ", g.stride, ", padding ",
                    g.padding);
      },
      body);
}

bool supports_pool2d(const Pool2dGeometry& g, DType dtype) {
  // A mean over a window that ceil mode lets reach beyond the padding is divided differently by oneDNN.
  const bool beyond = padding_after(g.IH, g.OH, g.KH, g.stride.h, g.padding.h) > g.padding.h ||
                      padding_after(g.IW, g.OW, g.KW, g.stride.w, g.padding.w) > g.padding.w;
  return supports(dtype) && g.N > 0 && g.C > 0 && !beyond;
}

Pool2dKernels::MaxResult max_forward(const Pool2dGeometry& g, const Tensor& x) {
  return guarded(g, [&] {
    const Pooling& p = pooling(g, x.dtype(), true);
    const Tensor source = x.to(p.x_layout);
    Tensor y = Tensor::empty(output_shape(g), x.dtype(), p.y_layout);
    Tensor places = buffer(p.places);
    p.forward.run({{DNNL_ARG_SRC, input(p.x, source)},
                   {DNNL_ARG_DST, output(p.y, y)},
                   {DNNL_ARG_WORKSPACE, output(p.places, places)}});
    return Pool2dKernels::MaxResult{y, places};
  });
}

Tensor avg_forward(const Pool2dGeometry& g, const Tensor& x) {
  return guarded(g, [&] {
    const Pooling& p = pooling(g, x.dtype(), false);
    const Tensor source = x.to(p.x_layout);
    Tensor y = Tensor::empty(output_shape(g), x.dtype(), p.y_layout);
    p.forward.run({{DNNL_ARG_SRC, input(p.x, source)}, {DNNL_ARG_DST, output(p.y, y)}});
    return y;
  });
}

Tensor backward(const Pool2dGeometry& g, const Pooling& p, const Tensor& dy, const Tensor& places) {
  const Tensor gradient = dy.to(p.y_layout);
  Tensor dx = Tensor::empty(input_shape(g), dy.dtype(), p.x_layout);
  Primitive::Arguments arguments{{DNNL_ARG_DIFF_DST, input(p.y, gradient)}, {DNNL_ARG_DIFF_SRC, output(p.x, dx)}};
  if (places.defined()) arguments.emplace(DNNL_ARG_WORKSPACE, input(p.places, places));
  p.backward.run(std::move(arguments));
  return dx;
}

Tensor max_backward(const Pool2dGeometry& g, const Tensor& dy, const Tensor& places) {
  return guarded(g, [&] { return backward(g, pooling(g, dy.dtype(), true), dy, places); });
}

Tensor avg_backward(const Pool2dGeometry& g, const Tensor& dy) {
  return guarded(g, [&] { return backward(g, pooling(g, dy.dtype(), false), dy, {}); });
}

}  // namespace

const Pool2dKernels pool2d{Backend::onednn, supports_pool2d, max_forward, max_backward, avg_forward, avg_backward};

}  // namespace fanin::onednn
