#include "core/ops/adaptive_avg_pool2d.h"

#include <array>

#include "core/autograd.h"
#include "core/ops/arguments.h"
#include "core/simd.h"
#include "core/threads.h"

namespace fanin {

namespace {

/// One place of the result along one axis: Σ weights[k] · source[begin + k].
struct Terms {
  Dim begin = 0;
  std::vector<double> weights;
};

/// The rule of the bins: forward takes `bins` means over `size` places; its transpose, for each of the `size` places,
/// takes a share of every bin that covers it. Those bins are found by the same rule with the sizes swapped.
std::vector<Terms> forward_terms(Dim bins, Dim size) {
  std::vector<Terms> result;
  for (Dim i = 0; i < bins; ++i) {
    const Dim begin = i * size / bins;
    const Dim count = ((i + 1) * size + bins - 1) / bins - begin;
    result.push_back({begin, std::vector<double>(static_cast<std::size_t>(count), 1 / static_cast<double>(count))});
  }
  return result;
}

std::vector<Terms> backward_terms(Dim bins, Dim size) {
  const std::vector<Terms> forward = forward_terms(bins, size);
  std::vector<Terms> result = forward_terms(size, bins);
  for (Terms& place : result)
    for (std::size_t k = 0; k < place.weights.size(); ++k)
      place.weights[k] = forward[static_cast<std::size_t>(place.begin) + k].weights[0];
  return result;
}

/// The N · ⌈C/B⌉ planes of a tensor, of S · B elements each: B images, a lane each, side by side.
struct Planes {
  Dim count, lanes, size;
  explicit Planes(const Tensor& x)
      : count(x.dim(0) * x.layout().blocks(x.shape())),
        lanes(x.layout().block),
        size(x.shape().numel_from(2) * lanes) {}
};

/// One lane of one plane, any bins.
template <class T>
void gather(const std::vector<Terms>& rows, const std::vector<Terms>& columns, Dim width, Dim lanes, const T* from,
            T* to) {
  for (const Terms& h : rows)
    for (const Terms& w : columns) {
      double sum = 0;
      const T* row = from + (h.begin * width + w.begin) * lanes;
      for (const double a : h.weights) {
        const T* at = row;
        for (const double b : w.weights) {
          sum += a * b * static_cast<double>(*at);
          at += lanes;
        }
        row += width * lanes;
      }
      *to = static_cast<T>(static_cast<compute_t<T>>(sum));
      to += lanes;
    }
}

void gather_all(const std::vector<Terms>& rows, const std::vector<Terms>& columns, const Tensor& x, Tensor& y) {
  const Planes in(x);
  const Planes out(y);
  dispatch(x.dtype(), [&]<class T>() {
    const T* const from = x.raw<T>().data();
    T* const to = y.mutable_raw<T>().data();
    parallel_for(in.count, 1 + (1 << 12) / (in.size + out.size), [&](Dim begin, Dim end) {
      for (Dim p = begin; p < end; ++p)
        for (Dim l = 0; l < in.lanes; ++l)
          gather(rows, columns, x.dim(3), in.lanes, from + p * in.size + l, to + p * out.size + l);
    });
  });
}

constexpr Dim partial = 16;

/// Whether the 16 partial sums of a global average fall into whole lanes.
bool divides_partial(Layout layout) { return partial % layout.block == 0; }

/// The mean of every lane. Element e of a plane goes to partial sum e mod 16, whose lane is that modulo B.
void global_forward(const Tensor& x, Tensor& y) {
  const Planes in(x);
  dispatch(x.dtype(), [&]<class T>() {
    const T* const from = x.raw<T>().data();
    T* const to = y.mutable_raw<T>().data();
    parallel_for(in.count, 1 + (1 << 14) / in.size, [=](Dim begin, Dim end) {
      for (Dim p = begin; p < end; ++p) {
        std::array<double, partial> sums{};
        const T* plane = from + p * in.size;
        vectorized([&]() __attribute__((always_inline)) {
          Dim e = 0;
          for (; e + partial <= in.size; e += partial)
            for (Dim k = 0; k < partial; ++k) sums[static_cast<std::size_t>(k)] += static_cast<double>(plane[e + k]);
          for (Dim k = 0; e + k < in.size; ++k) sums[static_cast<std::size_t>(k)] += static_cast<double>(plane[e + k]);
        });
        for (Dim k = in.lanes; k < partial; ++k)
          sums[static_cast<std::size_t>(k % in.lanes)] += sums[static_cast<std::size_t>(k)];
        const double places = static_cast<double>(in.size / in.lanes);
        for (Dim l = 0; l < in.lanes; ++l)
          to[p * in.lanes + l] = static_cast<T>(static_cast<compute_t<T>>(sums[static_cast<std::size_t>(l)] / places));
      }
    });
  });
}

void global_backward(const Tensor& dy, Tensor& dx) {
  const Planes out(dx);
  dispatch(dy.dtype(), [&]<class T>() {
    const T* const from = dy.raw<T>().data();
    T* const to = dx.mutable_raw<T>().data();
    parallel_for(out.count, 1 + (1 << 14) / out.size, [=](Dim begin, Dim end) {
      const auto places = static_cast<compute_t<T>>(out.size / out.lanes);
      for (Dim p = begin; p < end; ++p)
        for (Dim e = 0; e < out.size; e += out.lanes)
          for (Dim l = 0; l < out.lanes; ++l)
            to[p * out.size + e + l] = static_cast<T>(static_cast<compute_t<T>>(from[p * out.lanes + l]) / places);
    });
  });
}

}  // namespace

Tensor adaptive_avg_pool2d(const Tensor& x, Size2 output) {
  check_floating("adaptive_avg_pool2d", x);
  check(x.rank() == 4, "adaptive_avg_pool2d: input must be [N, C, H, W], got ", x.shape());
  check(output.h > 0 && output.w > 0, "adaptive_avg_pool2d: the output size must be positive, got ", output);
  const Size2 input{x.dim(2), x.dim(3)};
  check(input.h > 0 && input.w > 0, "adaptive_avg_pool2d: nothing to average in ", x.shape());
  Tensor y = Tensor::empty({x.dim(0), x.dim(1), output.h, output.w}, x.dtype(), x.layout());
  if (output == Size2(1) && divides_partial(x.layout()))
    global_forward(x, y);
  else
    gather_all(forward_terms(output.h, input.h), forward_terms(output.w, input.w), x, y);
  return record({"adaptive_avg_pool2d", {{"output_size", std::vector<Dim>{output.h, output.w}}}}, y, {x},
                [input, output, layout = x.layout()](const Tensor& dy, Needs) -> Tensors {
                  const Tensor g = dy.to(layout);
                  Tensor dx = Tensor::empty({g.dim(0), g.dim(1), input.h, input.w}, g.dtype(), layout);
                  if (output == Size2(1))
                    global_backward(g, dx);
                  else
                    gather_all(backward_terms(output.h, input.h), backward_terms(output.w, input.w), g, dx);
                  return {dx};
                });
}

OpInfo adaptive_avg_pool2d_info() {
  const auto pool = [](Size2 output) { return [=](const Tensors& in) { return adaptive_avg_pool2d(in[0], output); }; };
  return {.name = "adaptive_avg_pool2d",
          .samples = {{"global", {{2, 21, 4, 5}}, pool(1)},
                      {"uneven", {{2, 9, 7, 5}}, pool({3, 2})},
                      {"larger than the input", {{1, 3, 2, 3}}, pool({5, 4})},
                      {"one row", {{2, 3, 5, 4}}, pool({1, 4})},
                      {"empty", {{0, 3, 4, 4}}, pool(1)},
                      {"no channels", {{2, 0, 4, 4}}, pool({2, 3})}},
          .rejects = {{"rank",
                       [] {
                         adaptive_avg_pool2d(Tensor::zeros({3, 4}), 1);
                       },
                       "[3, 4]"},
                      {"no pixels",
                       [] {
                         adaptive_avg_pool2d(Tensor::zeros({1, 2, 0, 3}), 1);
                       },
                       "[1, 2, 0, 3]"},
                      {"output",
                       [] {
                         adaptive_avg_pool2d(Tensor::zeros({1, 2, 3, 3}), {0, 2});
                       },
                       "0x2"}}};
}

}  // namespace fanin
