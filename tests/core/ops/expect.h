#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "core/autograd.h"

namespace fanin {

/// A leaf in f64 that wants a gradient.
inline Tensor leaf(const std::vector<double>& values, const Shape& shape) {
  Tensor x = Tensor::from(values, shape);
  return x.requires_grad_();
}

/// Elements agree to 1e-12, relative to 1 or to what is expected. NaN agrees with NaN, ∞ with ∞.
inline void expect(const Tensor& got, const Shape& shape, const std::vector<double>& expected) {
  CHECK(got.shape() == shape);
  const std::vector<double> values = got.values();
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    if (std::isnan(expected[i]))
      CHECK(std::isnan(values[i]));
    else if (std::isinf(expected[i]))
      CHECK(values[i] == expected[i]);
    else
      CHECK(values[i] == doctest::Approx(expected[i]).epsilon(1e-12));
  }
}

}  // namespace fanin
