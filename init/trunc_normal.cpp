#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/threads.h"
#include "init/distributions.h"
#include "init/schemes.h"

namespace fanin {
namespace {

double normal_cdf(double x) { return (1 + std::erf(x / std::numbers::sqrt2)) / 2; }
double normal_density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }

template <class T>
T inverse_erf(T y, bool fused) {
  const auto step = [fused](T a, T x, T c) { return fused ? std::fma(a, x, c) : a * x + c; };
  const auto polynomial = [&](T x, T first, auto... rest) {
    T sum = first;
    ((sum = step(sum, x, rest)), ...);
    return sum;
  };
  const T size = std::fabs(y);
  if (!(size <= 1)) return std::numeric_limits<T>::quiet_NaN();
  if (size == 1) return std::copysign(std::numeric_limits<T>::infinity(), y);
  T x;
  if (size <= T(0.7)) {
    const T z = y * y;
    const T top = polynomial(z, T(-0.140543331), T(0.914624893), T(-1.645349621), T(0.886226899));
    const T bottom = polynomial(z, T(0.012229801), T(-0.329097515), T(1.442710462), T(-2.118377725), T(1));
    x = y * top / bottom;
  } else {
    const T z = std::sqrt(-std::log((T(1) - size) / T(2)));
    const T top = polynomial(z, T(1.641345311), T(3.429567803), T(-1.624906493), T(-1.970840454));
    const T bottom = polynomial(z, T(1.637067800), T(3.543889200), T(1));
    x = std::copysign(top, y) / bottom;
  }
  const T slope = T(2) / static_cast<T>(std::sqrt(std::numbers::pi));
  for (int newton = 0; newton < 2; ++newton) x = x - (std::erf(x) - y) / (slope * std::exp(-x * x));
  return x;
}

template <class T>
void draw_inverse(std::span<T> out, Generator& generator, const TruncNormalOptions& o) {
  const double low = normal_cdf((o.a - o.mean) / o.std);
  const double high = normal_cdf((o.b - o.mean) / o.std);
  generator.uniform(out, 2 * low - 1, 2 * high - 1);
  const bool fused = generator.path() == Generator::Path::simd;
  const auto std = static_cast<T>(o.std * std::numbers::sqrt2);
  const auto mean = static_cast<T>(o.mean);
  const auto a = static_cast<T>(o.a);
  const auto b = static_cast<T>(o.b);
  parallel_for(static_cast<Dim>(out.size()), 256, [=](Dim begin, Dim end) {
    for (T& x : out.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)))
      x = std::clamp(inverse_erf(x, fused) * std + mean, a, b);
  });
}

/// Uniform proposals, of which one is taken with the density there over the highest density within the bounds.
template <class T>
void draw_from_uniform(std::span<T> out, Generator& generator, const TruncNormalOptions& o) {
  const auto exponent = [&](double x) { return -0.5 * (x - o.mean) / o.std * ((x - o.mean) / o.std); };
  const double highest = exponent(std::clamp(o.mean, o.a, o.b));
  std::array<double, 2> u;
  for (T& x : out) {
    do {
      generator.uniform(u);
      x = static_cast<T>(o.a + (o.b - o.a) * u[0]);
    } while (std::log1p(-u[1]) > exponent(static_cast<double>(x)) - highest);
  }
}

template <class T>
void draw_rejection(std::span<T> out, Generator& generator, const TruncNormalOptions& o) {
  const double mass = normal_cdf((o.b - o.mean) / o.std) - normal_cdf((o.a - o.mean) / o.std);
  if (mass <= 0.3) return draw_from_uniform(out, generator, o);
  const auto outside = [a = static_cast<T>(o.a), b = static_cast<T>(o.b)](T x) { return !(x >= a && x <= b); };
  generator.normal(out, o.mean, o.std);
  std::vector<T> again;
  while (std::ranges::any_of(out, outside)) {
    again.resize(out.size());
    generator.normal(again, o.mean, o.std);
    for (std::size_t i = 0; i < out.size(); ++i)
      if (outside(out[i])) out[i] = again[i];
  }
}

}  // namespace

float erfinv(float x, bool fused) { return inverse_erf(x, fused); }
double erfinv(double x, bool fused) { return inverse_erf(x, fused); }

void trunc_normal(Tensor& t, Generator& generator, TruncNormalOptions options) {
  check<NumericError>(options.std > 0, "trunc_normal: std must be > 0, got ", options.std);
  check<NumericError>(options.a <= options.b, "trunc_normal: a must be <= b, got a = ", options.a, ", b = ", options.b);
  fill_elements(t, [&](auto out) {
    if (options.method == TruncNormalOptions::Method::inverse)
      draw_inverse(out, generator, options);
    else
      draw_rejection(out, generator, options);
  });
}

TruncMoments trunc_normal_moments(const TruncNormalOptions& options) {
  const double a = (options.a - options.mean) / options.std;
  const double b = (options.b - options.mean) / options.std;
  const double mass = normal_cdf(b) - normal_cdf(a);
  if (!(mass > 0)) return {std::clamp(options.mean, options.a, options.b), 0};
  const double shift = (normal_density(a) - normal_density(b)) / mass;
  const double variance = 1 + (a * normal_density(a) - b * normal_density(b)) / mass - shift * shift;
  return {options.mean + options.std * shift, options.std * std::sqrt(std::max(0.0, variance))};
}

}  // namespace fanin
