#include "core/ops/pool2d/pool2d.h"

#include "core/autograd.h"
#include "core/ops/arguments.h"
#include "core/ops/pool2d/kernels.h"
#include "core/verify.h"

namespace fanin {

namespace {

/// PyTorch's rule: in ceil mode a window that would start in the padding after the image is left out.
Dim output_size(Dim input, Dim kernel, Dim stride, Dim padding, bool ceil_mode) {
  const Dim room = input + 2 * padding - kernel;
  if (room < 0) return 0;
  Dim size = (room + (ceil_mode ? stride - 1 : 0)) / stride + 1;
  if (ceil_mode && (size - 1) * stride >= input + padding) --size;
  return size;
}

Pool2dGeometry geometry_of(std::string_view op, const Tensor& x, Pool2dOptions o) {
  check(x.defined() && x.rank() == 4, op, ": input must be [N, C, H, W], got ", x.shape());
  check<DTypeError>(is_floating(x.dtype()), op, ": input must be floating, got ", x.dtype());
  if (o.stride == Size2(0)) o.stride = o.kernel;
  check(all_within(1, {o.kernel.h, o.kernel.w}), op, ": kernel must be from 1 to below 2³¹, got ", o.kernel);
  check(all_within(1, {o.stride.h, o.stride.w}), op, ": stride must be from 1 to below 2³¹, got ", o.stride);
  check(all_within(0, {o.padding.h, o.padding.w}) && 2 * o.padding.h <= o.kernel.h && 2 * o.padding.w <= o.kernel.w, op,
        ": padding ", o.padding, " must be between 0 and half the kernel ", o.kernel);
  const Pool2dGeometry g{.N = x.dim(0),
                         .C = x.dim(1),
                         .IH = x.dim(2),
                         .IW = x.dim(3),
                         .OH = output_size(x.dim(2), o.kernel.h, o.stride.h, o.padding.h, o.ceil_mode),
                         .OW = output_size(x.dim(3), o.kernel.w, o.stride.w, o.padding.w, o.ceil_mode),
                         .KH = o.kernel.h,
                         .KW = o.kernel.w,
                         .stride = o.stride,
                         .padding = o.padding,
                         .count_include_pad = o.count_include_pad};
  check(g.OH >= 1 && g.OW >= 1, op, ": a window of ", o.kernel, " does not fit an input of ", Size2(g.IH, g.IW),
        " with padding ", o.padding);
  return g;
}

Attributes attributes_of(const Pool2dGeometry& g, bool ceil_mode) {
  return {{"kernel_size", std::vector<Dim>{g.KH, g.KW}},
          {"stride", std::vector<Dim>{g.stride.h, g.stride.w}},
          {"padding", std::vector<Dim>{g.padding.h, g.padding.w}},
          {"ceil_mode", ceil_mode},
          {"count_include_pad", g.count_include_pad}};
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options) {
  const Pool2dGeometry g = geometry_of("max_pool2d", x, options);
  const Pool2dKernels& kernels = choose(pool2d_kernels, g, x.dtype());
  const Pool2dKernels::MaxResult result = verified(
      "max_pool2d", {&x}, kernels, reference::pool2d, [&](const Pool2dKernels& k) { return k.max_forward(g, x); },
      [](const Pool2dKernels::MaxResult& r) {
        return std::vector<KernelResult>{{"output", r.y}};
      });
  // Places are each kernel's own: to verify the gradient, the reference must find its own again.
  return record(
      {"max_pool2d", attributes_of(g, options.ceil_mode), name_of(kernels.backend)}, result.y, {x},
      [g, &kernels, at = result.places, sx = verifying() ? Saved(x) : Saved()](const Tensor& dy, Needs) -> Tensors {
        if (!sx.defined()) return {kernels.max_backward(g, dy, at)};
        const auto run = [&](const Pool2dKernels& k) {
          return k.max_backward(g, dy, &k == &kernels ? at : k.max_forward(g, sx.get()).places);
        };
        return {verified("max_pool2d", {&dy}, kernels, reference::pool2d, run, "gradient of input 0")};
      });
}

Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options) {
  const Pool2dGeometry g = geometry_of("avg_pool2d", x, options);
  const Pool2dKernels& kernels = choose(pool2d_kernels, g, x.dtype());
  return record({"avg_pool2d", attributes_of(g, options.ceil_mode), name_of(kernels.backend)},
                verified(
                    "avg_pool2d", {&x}, kernels, reference::pool2d,
                    [&](const Pool2dKernels& k) { return k.avg_forward(g, x); }, "output"),
                {x}, [g, &kernels](const Tensor& dy, Needs) -> Tensors {
                  return {verified(
                      "avg_pool2d", {&dy}, kernels, reference::pool2d,
                      [&](const Pool2dKernels& k) { return k.avg_backward(g, dy); }, "gradient of input 0")};
                });
}

namespace {

template <class Pool>
OpInfo pool_info(std::string_view name, Pool pool) {
  const auto call = [pool](Pool2dOptions options) { return [=](const Tensors& in) { return pool(in[0], options); }; };
  const auto bad = [pool](const Shape& x, Pool2dOptions options) { return [=] { pool(Tensor::zeros(x), options); }; };
  return {.name = name,
          .samples = {{"2x2", {{2, 3, 4, 6}}, call({.kernel = 2})},
                      {"overlapping 3x3", {{1, 5, 7, 5}}, call({.kernel = 3, .stride = 2, .padding = 1})},
                      {"padding not counted",
                       {{2, 2, 5, 5}},
                       call({.kernel = 3, .stride = 2, .padding = 1, .count_include_pad = false})},
                      {"ceil mode", {{1, 2, 6, 7}}, call({.kernel = 3, .stride = 2, .ceil_mode = true})},
                      {"ceil mode, padded",
                       {{1, 2, 5, 4}},
                       call({.kernel = 2, .stride = 2, .padding = 1, .ceil_mode = true})},
                      {"3x2, stride 1x3", {{2, 21, 5, 8}}, call({.kernel = {3, 2}, .stride = {1, 3}})},
                      {"16 channels", {{1, 16, 4, 4}}, call({.kernel = 2})},
                      {"gaps between windows", {{1, 1, 7, 7}}, call({.kernel = 2, .stride = 3})},
                      {"empty batch", {{0, 3, 4, 4}}, call({.kernel = 2})}},
          .rejects = {{"rank", bad({3, 4, 4}, {.kernel = 2}), "[3, 4, 4]"},
                      {"too small", bad({1, 1, 2, 2}, {.kernel = 3}), "does not fit"},
                      {"absurd kernel", bad({1, 1, 8, 8}, {.kernel = Dim{1} << 62}), "kernel must be"},
                      {"absurd padding", bad({1, 1, 8, 8}, {.padding = Dim{1} << 62}), "half the kernel"},
                      {"padding", bad({1, 1, 8, 8}, {.kernel = 2, .padding = 2}), "half the kernel"}}};
}

}  // namespace

OpInfo max_pool2d_info() { return pool_info("max_pool2d", max_pool2d); }
OpInfo avg_pool2d_info() { return pool_info("avg_pool2d", avg_pool2d); }

}  // namespace fanin
