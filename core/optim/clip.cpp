#include "core/optim/clip.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/threads.h"

namespace fanin {

namespace {

/// Sums blocks of fixed size side by side, then the blocks in order.
template <class T>
double sum_of_squares(std::span<const T> values) {
  constexpr Dim block = 4096;
  const auto count = static_cast<Dim>(values.size());
  std::vector<double> sums(static_cast<std::size_t>((count + block - 1) / block));
  parallel_for(static_cast<Dim>(sums.size()), 8, [&](Dim begin, Dim end) {
    for (Dim b = begin; b < end; ++b) {
      double sum = 0;
      for (Dim i = b * block; i < std::min(count, (b + 1) * block); ++i) {
        const auto value = static_cast<double>(values[static_cast<std::size_t>(i)]);
        sum += value * value;
      }
      sums[static_cast<std::size_t>(b)] = sum;
    }
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

}  // namespace

double gradient_norm(const StateDict& parameters) {
  double total = 0;
  for (const auto& [name, parameter] : parameters) {
    const Tensor gradient = parameter.grad();
    if (!gradient.defined()) continue;
    dispatch(gradient.dtype(), [&]<class T>() { total += sum_of_squares(gradient.raw<T>()); });
  }
  return std::sqrt(total);
}

double clip_scale(double norm, double max_norm) { return std::min(1.0, max_norm / (norm + 1e-6)); }

}  // namespace fanin
