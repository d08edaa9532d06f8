#pragma once

#include <array>

#include "core/shape.h"
#include "core/simd.h"

namespace fanin {

/// Σ x[0 … count − 1] in double. Sixteen partial sums, so that the processor need not wait for each addition; the order
/// depends on nothing but `count`.
template <class T>
double total(const T* x, Dim count) {
  constexpr Dim lanes = 16;
  std::array<double, lanes> sums{};
  vectorized([&]() __attribute__((always_inline)) {
    Dim i = 0;
    for (; i + lanes <= count; i += lanes)
      for (Dim l = 0; l < lanes; ++l) sums[static_cast<std::size_t>(l)] += static_cast<double>(x[i + l]);
    for (Dim l = 0; i + l < count; ++l) sums[static_cast<std::size_t>(l)] += static_cast<double>(x[i + l]);
  });
  double result = 0;
  for (double s : sums) result += s;
  return result;
}

}  // namespace fanin
