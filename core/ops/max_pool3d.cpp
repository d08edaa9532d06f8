#include "core/ops/max_pool3d.h"

#include <algorithm>

#include "core/autograd.h"
#include "core/ops/arguments.h"
#include "core/threads.h"

namespace fanin {

namespace {

/// One axis of the pooling.
struct Axis {
  Dim in, out, kernel, stride, padding;

  Axis(Dim input, Dim k, Dim s, Dim p) : in(input), out(0), kernel(k), stride(s == 0 ? k : s), padding(p) {
    check(all_within(1, {kernel, stride}) && all_within(0, {padding}) && padding <= kernel / 2,
          "max_pool3d: a kernel and a stride from 1 to below 2³¹ and a padding of at most half the kernel are "
          "needed, got ",
          kernel, ", ", stride, " and ", padding);
    check(in >= 1 && kernel <= in + 2 * padding, "max_pool3d: a window of ", kernel, " does not fit a size of ", in,
          " with padding ", padding);
    out = (in + 2 * padding - kernel) / stride + 1;
  }

  /// First and last + 1 place of window `i` inside the volume.
  Dim begin(Dim i) const { return std::max<Dim>(i * stride - padding, 0); }
  Dim end(Dim i) const { return std::min(i * stride - padding + kernel, in); }
};

struct Axes {
  Axis d, h, w;
  Axes(const Shape& x, const Pool3dOptions& o)
      : d(x[2], o.kernel.d, o.stride.d, o.padding.d),
        h(x[3], o.kernel.h, o.stride.h, o.padding.h),
        w(x[4], o.kernel.w, o.stride.w, o.padding.w) {}
  Dim in() const { return d.in * h.in * w.in; }
  Dim out() const { return d.out * h.out * w.out; }
};

/// The place of the first largest element of a window of one volume; a NaN wins.
template <class T>
Dim largest(const Axes& a, const T* x, Dim od, Dim oh, Dim ow) {
  Dim best = (a.d.begin(od) * a.h.in + a.h.begin(oh)) * a.w.in + a.w.begin(ow);
  for (Dim d = a.d.begin(od); d < a.d.end(od); ++d)
    for (Dim h = a.h.begin(oh); h < a.h.end(oh); ++h)
      for (Dim w = a.w.begin(ow); w < a.w.end(ow); ++w) {
        const Dim at = (d * a.h.in + h) * a.w.in + w;
        if (x[best] != x[best]) return best;
        if (!(x[at] <= x[best])) best = at;
      }
  return best;
}

}  // namespace

Tensor max_pool3d(const Tensor& x, const Pool3dOptions& options) {
  check_floating("max_pool3d", x);
  check(x.rank() == 5, "max_pool3d: input must be [N, C, D, H, W], got ", x.shape());
  const Axes a(x.shape(), options);
  const Tensor in = x.plain();
  Tensor y = Tensor::empty({x.dim(0), x.dim(1), a.d.out, a.h.out, a.w.out}, x.dtype());
  Tensor places = Tensor::empty(y.shape(), DType::i64);
  dispatch(x.dtype(), [&]<class T>() {
    const T* from = in.data<T>().data();
    T* to = y.mutable_data<T>().data();
    std::int64_t* place = places.mutable_data<std::int64_t>().data();
    parallel_for(x.dim(0) * x.dim(1), grain_for(a.in()), [=](Dim begin, Dim end) {
      for (Dim nc = begin; nc < end; ++nc) {
        Dim i = nc * a.out();
        for (Dim d = 0; d < a.d.out; ++d)
          for (Dim h = 0; h < a.h.out; ++h)
            for (Dim w = 0; w < a.w.out; ++w, ++i) {
              place[i] = largest(a, from + nc * a.in(), d, h, w);
              to[i] = from[nc * a.in() + place[i]];
            }
      }
    });
  });
  const auto listed = [](Dim d, Dim h, Dim w) { return std::vector<Dim>{d, h, w}; };
  return record({"max_pool3d",
                 {{"kernel_size", listed(a.d.kernel, a.h.kernel, a.w.kernel)},
                  {"stride", listed(a.d.stride, a.h.stride, a.w.stride)},
                  {"padding", listed(a.d.padding, a.h.padding, a.w.padding)}}},
                y, {x}, [a, shape = x.shape(), saved = Saved(places)](const Tensor& dy, Needs) -> Tensors {
                  const Tensor g = dy.plain();
                  Tensor dx = Tensor::zeros(shape, g.dtype());
                  const std::int64_t* place = saved.get().data<std::int64_t>().data();
                  dispatch(g.dtype(), [&]<class T>() {
                    using C = compute_t<T>;
                    const T* from = g.data<T>().data();
                    T* to = dx.mutable_data<T>().data();
                    parallel_for(shape[0] * shape[1], grain_for(a.out()), [=](Dim begin, Dim end) {
                      for (Dim nc = begin; nc < end; ++nc)
                        for (Dim i = nc * a.out(); i < (nc + 1) * a.out(); ++i) {
                          T& target = to[nc * a.in() + place[i]];
                          target = static_cast<T>(static_cast<C>(target) + static_cast<C>(from[i]));
                        }
                    });
                  });
                  return {dx};
                });
}

OpInfo max_pool3d_info() {
  const auto pool = [](Pool3dOptions options) { return [=](const Tensors& in) { return max_pool3d(in[0], options); }; };
  const auto call = [](const Shape& x, Pool3dOptions options) {
    return [=] { max_pool3d(Tensor::zeros(x), options); };
  };
  return {
      .name = "max_pool3d",
      .samples = {{"as in C3D", {{2, 3, 4, 4, 6}}, pool({.kernel = {1, 2, 2}})},
                  {"padded", {{1, 9, 3, 5, 4}}, pool({.kernel = {2, 3, 2}, .stride = {1, 2, 2}, .padding = 1})},
                  {"overlap", {{1, 2, 4, 3, 5}}, pool({.kernel = 3, .stride = 1})},
                  {"empty batch", {{0, 2, 3, 3, 3}}, pool({})}},
      .rejects = {{"rank", call({1, 3, 4, 4}, {}), "[1, 3, 4, 4]"},
                  {"padding", call({1, 1, 4, 4, 4}, {.kernel = 2, .padding = 2}), "half the kernel"},
                  {"absurd kernel", call({1, 1, 4, 4, 4}, {.kernel = Dim{1} << 62, .padding = Dim{1} << 61}), "2³¹"},
                  {"stride", call({1, 1, 4, 4, 4}, {.kernel = 2, .stride = -1}), "stride"},
                  {"no window fits", call({1, 1, 4, 1, 4}, {.kernel = 2}), "does not fit"}}};
}

}  // namespace fanin
