#include "tools/machine_limits.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/backend.h"
#include "core/ops/add.h"
#include "core/ops/conv2d/conv2d.h"
#include "core/ops/matmul/matmul.h"
#include "core/simd.h"
#include "core/threads.h"

namespace fanin {

namespace {

/// Seconds of the quickest of at least five calls and 0.3 seconds, after one that warms up.
template <class F>
double best_of(const F& run) {
  run();
  double best = std::numeric_limits<double>::infinity(), spent = 0;
  for (int i = 0; i < 5 || spent < 0.3; ++i) {
    const double start = Trace::now();
    run();
    const double seconds = Trace::now() - start;
    best = std::min(best, seconds);
    spent += seconds;
  }
  return best;
}

double gemm_flops(DType dtype) {
  constexpr Dim n = 2048;
  const NoGrad no_grad;
  const Autocast as_it_is(false);  // f32 is to be multiplied as f32, whatever scope this is called in
  const Tensor a = Tensor::full({n, n}, 0.5).as(dtype), b = Tensor::full({n, n}, 0.25).as(dtype);
  return 2.0 * n * n * n / best_of([&] { matmul(a, b); });
}

/// oneDNN's direct 3×3 convolution of images that stay in the cache.
double convolution_flops(DType dtype) {
  constexpr Dim N = 16, C = 256, S = 16;
  const NoGrad no_grad;
  const Autocast as_it_is(false);
  const BackendScope library(Backend::onednn);
  const Tensor weight = Tensor::full({C, C, 3, 3}, 0.01).as(dtype);
  Tensor x = Tensor::full({N, C, S, S}, 0.5).as(dtype);
  x = conv2d(x, weight, {}, {.padding = 1});  // in the layout that networks carry through
  return 2.0 * N * C * S * S * C * 9 / best_of([&] { conv2d(x, weight, {}, {.padding = 1}); });
}

/// Whole words added up, in sums side by side, so that no addition waits for the one before.
std::uint64_t sum_of(const std::uint64_t* words, Dim begin, Dim end) {
  using Vector = std::uint64_t __attribute__((vector_size(64)));
  constexpr Dim lanes = 8, vectors = 4;
  Vector sums[vectors] = {};
  vectorized([&]() __attribute__((always_inline)) {
    for (Dim i = begin; i + vectors * lanes <= end; i += vectors * lanes)
      for (Dim v = 0; v < vectors; ++v) {
        Vector more;
        std::memcpy(&more, words + i + v * lanes, sizeof more);
        sums[v] += more;
      }
  });
  const Vector all = sums[0] + sums[1] + sums[2] + sums[3];
  std::uint64_t sum = 0;
  for (Dim l = 0; l < lanes; ++l) sum += all[l];
  return sum;
}

double read_rate(const Tensor& array) {
  const auto* words = reinterpret_cast<const std::uint64_t*>(array.raw_bytes());
  const auto count = static_cast<Dim>(array.bytes() / sizeof(std::uint64_t));
  std::atomic<std::uint64_t> total{0};  // so that nothing is left out as unused
  return static_cast<double>(array.bytes()) / best_of([&] {
           parallel_for(count, 1 << 16, [&](Dim begin, Dim end) { total += sum_of(words, begin, end); });
         });
}

double update_rate(Tensor a, const Tensor& b) {
  const auto bytes = static_cast<double>(a.bytes());
  return 3 * bytes / best_of([&] { a = accumulate(std::move(a), b); });
}

}  // namespace

MachineLimits measure_limits() {
  const bool bf16 = multiplies_bf16();
  MachineLimits limits{.f32_flops = gemm_flops(DType::f32),
                       .bf16_flops = bf16 ? gemm_flops(DType::bf16) : 0,
                       .f32_convolution_flops = convolution_flops(DType::f32),
                       .bf16_convolution_flops = bf16 ? convolution_flops(DType::bf16) : 0};
  constexpr Dim floats = Dim{64} << 20;  // far more than any cache holds
  const Tensor array = Tensor::full({floats}, 1);
  limits.read_bytes = read_rate(array);
  limits.update_bytes = update_rate(Tensor::full({floats}, 0), array);
  return limits;
}

Json MachineLimits::json() const {
  Json all = Json::object();
  all.set("gemm_f32_flops", f32_flops).set("gemm_bf16_flops", bf16_flops);
  all.set("convolution_f32_flops", f32_convolution_flops).set("convolution_bf16_flops", bf16_convolution_flops);
  return all.set("read_bytes_per_second", read_bytes).set("update_bytes_per_second", update_bytes);
}

}  // namespace fanin
