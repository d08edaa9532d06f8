#include "init/structured.h"

#include <doctest/doctest.h>

#include <cmath>
#include <complex>
#include <map>
#include <numbers>

#include "core/backends/lapack.h"
#include "init/orthogonal.h"
#include "init/schemes.h"
#include "tests/golden/reference_table.h"

namespace fanin {
namespace {

std::vector<double> gram_of_columns(const std::vector<double>& a, Dim rows, Dim columns) {
  std::vector<double> gram(static_cast<std::size_t>(columns * columns));
  for (Dim i = 0; i < columns; ++i)
    for (Dim j = 0; j < columns; ++j)
      for (Dim r = 0; r < rows; ++r)
        gram[static_cast<std::size_t>(i * columns + j)] +=
            a[static_cast<std::size_t>(r * columns + i)] * a[static_cast<std::size_t>(r * columns + j)];
  return gram;
}

double distance_from_identity(const std::vector<double>& gram, Dim n) {
  double worst = 0;
  for (Dim i = 0; i < n; ++i)
    for (Dim j = 0; j < n; ++j)
      worst = std::max(worst, std::abs(gram[static_cast<std::size_t>(i * n + j)] - (i == j ? 1.0 : 0.0)));
  return worst;
}

/// Extreme singular values of the circular convolution with `kernel` [out, in, KH, KW] on an n x n image, from its
/// matrix at every frequency: AᴴA is Hermitian, and a Hermitian H = S + iT has the eigenvalues of [[S, −T], [T, S]].
std::pair<double, double> singular_values(const Tensor& kernel, Dim n) {
  const std::vector<double> w = kernel.values();
  const Dim out = kernel.dim(0), in = kernel.dim(1), kh = kernel.dim(2), kw = kernel.dim(3);
  double low = 1e30;
  double high = 0;
  for (Dim fy = 0; fy < n; ++fy)
    for (Dim fx = 0; fx < n; ++fx) {
      std::vector<std::complex<double>> a(static_cast<std::size_t>(out * in));
      for (Dim o = 0; o < out; ++o)
        for (Dim i = 0; i < in; ++i)
          for (Dim y = 0; y < kh; ++y)
            for (Dim x = 0; x < kw; ++x)
              a[static_cast<std::size_t>(o * in + i)] +=
                  w[static_cast<std::size_t>(((o * in + i) * kh + y) * kw + x)] *
                  std::polar(1.0, 2 * std::numbers::pi * static_cast<double>(fy * y + fx * x) / static_cast<double>(n));
      std::vector<double> real(static_cast<std::size_t>(4 * in * in));
      for (Dim i = 0; i < in; ++i)
        for (Dim j = 0; j < in; ++j) {
          std::complex<double> h = 0;
          for (Dim o = 0; o < out; ++o)
            h += std::conj(a[static_cast<std::size_t>(o * in + i)]) * a[static_cast<std::size_t>(o * in + j)];
          const Dim m = 2 * in;
          real[static_cast<std::size_t>(i * m + j)] = real[static_cast<std::size_t>((i + in) * m + j + in)] = h.real();
          real[static_cast<std::size_t>(i * m + j + in)] = -h.imag();
          real[static_cast<std::size_t>((i + in) * m + j)] = h.imag();
        }
      std::vector<double> eigenvalues(static_cast<std::size_t>(2 * in));
      lapack::symmetric_eigen(real, 2 * in, eigenvalues);
      low = std::min(low, std::sqrt(std::max(0.0, eigenvalues.front())));
      high = std::max(high, std::sqrt(eigenvalues.back()));
    }
  return {low, high};
}

TEST_CASE("random_orthogonal: the fewer of rows and columns are orthonormal") {
  Generator g(4);
  const std::vector<double> tall = random_orthogonal(30, 12, g);
  CHECK(distance_from_identity(gram_of_columns(tall, 30, 12), 12) < 1e-14);
  const std::vector<double> wide = random_orthogonal(12, 30, g);
  std::vector<double> turned(wide.size());
  for (std::size_t i = 0; i < 12; ++i)
    for (std::size_t j = 0; j < 30; ++j) turned[j * 12 + i] = wide[i * 30 + j];
  CHECK(distance_from_identity(gram_of_columns(turned, 30, 12), 12) < 1e-14);
}

TEST_CASE("random_orthogonal is uniform: the mean of every element is 0, of its square 1/n") {
  Generator g(9);
  const int draws = 20000;
  std::vector<double> mean(9), square(9);
  for (int k = 0; k < draws; ++k) {
    const std::vector<double> q = random_orthogonal(3, 3, g);
    for (std::size_t i = 0; i < 9; ++i) mean[i] += q[i] / draws, square[i] += q[i] * q[i] / draws;
  }
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(std::abs(mean[i]) < 4 * std::sqrt(1.0 / 3 / draws));
    CHECK(std::abs(square[i] - 1.0 / 3) < 4 * std::sqrt(4.0 / 45 / draws));  // Var(x²) on the sphere
  }
}

TEST_CASE("orthogonal: both flattenings give orthonormal filters times gain") {
  for (const auto flatten : {OrthogonalOptions::Flatten::torch, OrthogonalOptions::Flatten::keras}) {
    Tensor t = Tensor::empty({8, 3, 3, 3});
    Generator g(1);
    orthogonal(t, g, {.gain = 2, .flatten = flatten});
    const std::vector<double> w = t.values();
    double worst = 0;
    for (std::size_t i = 0; i < 8; ++i)
      for (std::size_t j = 0; j < 8; ++j) {
        double dot = 0;
        for (std::size_t k = 0; k < 27; ++k) dot += w[i * 27 + k] * w[j * 27 + k];
        worst = std::max(worst, std::abs(dot - (i == j ? 4 : 0)));
      }
    CHECK(worst < 4e-6);
  }
}

TEST_CASE("orthogonal agrees with PyTorch to 3e-7") {
  const std::map<std::string, std::pair<Shape, double>> cases = {
      {"orth_tall", {{20, 6}, 1}}, {"orth_wide", {{6, 20}, 1.5}}, {"orth_kernel", {{16, 4, 3, 3}, std::sqrt(2.0)}}};
  int rows = 0;
  for (const golden::Row& row : golden::reference_rows()) {
    const auto found = cases.find(row.quantity);
    if (found == cases.end() || row.paths.front() != Generator::Path::simd) continue;
    CAPTURE(row.line);
    Tensor t = Tensor::empty(found->second.first);
    Generator g(row.seed);
    orthogonal(t, g, {.gain = found->second.second});
    const std::vector<double> drawn = t.values();
    const auto expected = [&](std::size_t i) {
      return std::bit_cast<float>(static_cast<std::uint32_t>(std::stoul(row.values[i], nullptr, 16)));
    };
    CHECK(std::abs(drawn.back() - expected(0)) < 3e-7);
    for (std::size_t i = 0; i < 8; ++i) CHECK(std::abs(drawn[i] - expected(i + 1)) < 3e-7);
    ++rows;
  }
  CHECK(rows == 3 * 4);
}

TEST_CASE("delta and block orthogonal convolutions preserve norms exactly, a flattened orthogonal one does not") {
  Generator g(5);
  Tensor delta = Tensor::empty({12, 6, 3, 3});
  delta_orthogonal(delta, g);
  Tensor block = Tensor::empty({12, 6, 3, 5});
  block_orthogonal(block, g);
  Tensor flat = Tensor::empty({12, 12, 3, 3});
  orthogonal(flat, g);
  for (const Tensor& isometry : {delta, block}) {
    const auto [low, high] = singular_values(isometry, 8);
    CHECK(low == doctest::Approx(1).epsilon(1e-6));
    CHECK(high == doctest::Approx(1).epsilon(1e-6));
  }
  CHECK(singular_values(flat, 8).second > 1.3);
  int used = 0;
  for (const double w : block.values()) used += w != 0;
  CHECK(used == block.numel());  // every tap takes part
}

TEST_CASE("isometries work group by group, with a gain, in one and three dimensions, and refuse to shrink") {
  Generator g(6);
  Tensor grouped = Tensor::empty({8, 2, 3, 3});
  block_orthogonal(grouped, g, {.gain = 3, .groups = 4});
  for (Dim group = 0; group < 4; ++group) {
    const std::vector<double> all = grouped.values();
    const std::vector<double> part(all.begin() + group * 36, all.begin() + (group + 1) * 36);
    const auto [low, high] = singular_values(Tensor::from(part, {2, 2, 3, 3}), 6);
    CHECK(low == doctest::Approx(3).epsilon(1e-6));
    CHECK(high == doctest::Approx(3).epsilon(1e-6));
  }
  Tensor line = Tensor::empty({5, 4, 4}, DType::f64);
  block_orthogonal(line, g);
  CHECK(singular_values(line.view({5, 4, 1, 4}), 9).second == doctest::Approx(1).epsilon(1e-12));
  Tensor volume = Tensor::empty({4, 4, 2, 2, 2}, DType::f64);
  block_orthogonal(volume, g);
  double squares = 0;
  for (const double w : volume.values()) squares += w * w;
  CHECK(squares == doctest::Approx(4).epsilon(1e-12));  // each of the 4 inputs has a column of norm 1
  Tensor shrinking = Tensor::empty({3, 4, 3, 3});
  CHECK_THROWS_WITH_AS(delta_orthogonal(shrinking, g), doctest::Contains("as many outputs as inputs"), ShapeError);
  CHECK_THROWS_AS(block_orthogonal(shrinking, g), ShapeError);
}

TEST_CASE("looks_linear: two layers of ReLUs compute a linear map") {
  Generator g(7);
  Tensor first = Tensor::empty({16, 5}, DType::f64);
  Tensor middle = Tensor::empty({16, 16}, DType::f64);
  Tensor last = Tensor::empty({3, 16}, DType::f64);
  looks_linear(first, g, 1, Mirror::outputs);
  looks_linear(middle, g);
  looks_linear(last, g, 1, Mirror::inputs);
  const auto run = [&](std::vector<double> x) {
    for (const Tensor* layer : {&first, &middle, &last}) {
      const std::vector<double> w = layer->values();
      std::vector<double> y(static_cast<std::size_t>(layer->dim(0)));
      for (std::size_t o = 0; o < y.size(); ++o) {
        for (std::size_t i = 0; i < x.size(); ++i) y[o] += w[o * x.size() + i] * x[i];
        if (layer != &last) y[o] = std::max(0.0, y[o]);
      }
      x = y;
    }
    return x;
  };
  const std::vector<double> a = {1, -2, 3, 0.5, -1}, b = {-1, 4, 0.3, 2, 2};
  std::vector<double> sum(5);
  for (std::size_t i = 0; i < 5; ++i) sum[i] = a[i] + b[i];
  for (std::size_t o = 0; o < 3; ++o) CHECK(run(sum)[o] == doctest::Approx(run(a)[o] + run(b)[o]));
  Tensor odd = Tensor::empty({3, 4});
  CHECK_THROWS_AS(looks_linear(odd, g), ShapeError);
}

TEST_CASE("eye and dirac pass signals through unchanged") {
  Tensor wide = Tensor::empty({2, 3});
  eye(wide);
  CHECK(wide.values() == std::vector<double>{1, 0, 0, 0, 1, 0});
  Tensor line = Tensor::empty({2, 2, 4});
  dirac(line);  // an even kernel's centre is k / 2
  CHECK(line.values() == std::vector<double>{0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0});
  Tensor grouped = Tensor::empty({4, 2, 1, 3});
  dirac(grouped, 2);
  std::vector<double> expected(24);
  expected[1] = expected[10] = expected[13] = expected[22] = 1;
  CHECK(grouped.values() == expected);
  Tensor volume = Tensor::empty({1, 1, 3, 3, 3});
  dirac(volume);
  CHECK(volume.values()[13] == 1);
}

TEST_CASE("partial_dirac leaves the filters beyond the input's channels alone") {
  Tensor t = Tensor::full({3, 2, 1, 3}, 7);
  partial_dirac(t);
  CHECK(t.values() == std::vector<double>{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 7, 7, 7, 7, 7, 7});
}

TEST_CASE("zero_init: identity down, scaled Hadamard up") {
  Tensor down = Tensor::empty({2, 3});
  zero_init(down);
  CHECK(down.values() == std::vector<double>{1, 0, 0, 0, 1, 0});
  Tensor up = Tensor::empty({4, 2}, DType::f64);  // m = 2, c = 2^(−1/2)
  zero_init(up);
  const double c = std::sqrt(0.5);
  const std::vector<double> expected = {c, c, c, -c, c, c, c, -c};
  for (std::size_t i = 0; i < 8; ++i) CHECK(up.values()[i] == doctest::Approx(expected[i]).epsilon(1e-15));
}

}  // namespace
}  // namespace fanin
