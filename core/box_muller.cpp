#include "core/box_muller.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "core/simd.h"
#include "core/threads.h"

namespace fanin::detail {
namespace {

constexpr Dim block = 16;

// Cephes' logf for x of (0, 1]: x = 2^e · m with m in [√½, √2), log x = e·ln 2 + log m by a polynomial in m − 1.
[[gnu::always_inline]] inline float log_of_unit(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  const float m = std::bit_cast<float>((bits & 0x007fffffU) | 0x3f000000U);
  const bool small = m < 0.707106781186547524F;
  const float e = static_cast<float>(static_cast<std::int32_t>(bits >> 23) - (small ? 127 : 126));
  const float x = small ? (m - 1.0F) + m : m - 1.0F;
  const float z = x * x;
  float y = 7.0376836292e-2F;
  y = std::fma(y, x, -1.1514610310e-1F);
  y = std::fma(y, x, 1.1676998740e-1F);
  y = std::fma(y, x, -1.2420140846e-1F);
  y = std::fma(y, x, 1.4249322787e-1F);
  y = std::fma(y, x, -1.6668057665e-1F);
  y = std::fma(y, x, 2.0000714765e-1F);
  y = std::fma(y, x, -2.4999993993e-1F);
  y = std::fma(y, x, 3.3333331174e-1F);
  // ln 2 is added in two parts, .693359375 − 2.12194440e-4, of which the first times e is exact.
  y = std::fma(y * x, z, e * -2.12194440e-4F);
  return std::fma(e, 0.693359375F, x + (y - z * 0.5F));
}

struct SinCos {
  float sin, cos;
};

// Cephes' sinf and cosf for x >= 0: the distance to the nearest even multiple of π/4 goes into two polynomials, which
// trade places and signs from octant to octant.
[[gnu::always_inline]] inline SinCos sin_cos(float v) {
  const std::int32_t octant = (static_cast<std::int32_t>(v * 1.27323954473516F) + 1) & ~1;
  const auto turns = static_cast<float>(octant);
  float x = std::fma(turns, -0.78515625F, v);
  x = std::fma(turns, -2.4187564849853515625e-4F, x);
  x = std::fma(turns, -3.77489497744594108e-8F, x);
  const float z = x * x;
  float c = std::fma(2.443315711809948e-5F, z, -1.388731625493765e-3F);
  c = std::fma(c, z, 4.166664568298827e-2F);
  c = std::fma(c * z, z, -(z * 0.5F)) + 1.0F;
  float s = std::fma(-1.9515295891e-4F, z, 8.3321608736e-3F);
  s = std::fma(s, z, -1.6666654611e-1F);
  s = std::fma(s * z, x, x);
  const bool straight = (octant & 2) == 0;
  const auto sine = std::bit_cast<std::uint32_t>(straight ? s : c);
  const auto cosine = std::bit_cast<std::uint32_t>(straight ? c : s);
  const std::uint32_t sine_sign = static_cast<std::uint32_t>(octant & 4) << 29;
  const std::uint32_t cosine_sign = static_cast<std::uint32_t>(~(octant - 2) & 4) << 29;
  return {std::bit_cast<float>(sine ^ sine_sign), std::bit_cast<float>(cosine ^ cosine_sign)};
}

}  // namespace

void box_muller_simd(std::span<float> u, float mean, float std) {
  parallel_for(static_cast<Dim>(u.size()) / block, 1024, [=](Dim begin, Dim end) {
    vectorized([=]() __attribute__((always_inline)) {
      for (float* d = u.data() + begin * block; d != u.data() + end * block; d += block)
        for (int j = 0; j < 8; ++j) {
          const float radius = std::sqrt(-2.0F * log_of_unit(1.0F - d[j]));
          const SinCos angle = sin_cos(2 * std::numbers::pi_v<float> * d[j + 8]);
          d[j] = std::fma(radius * angle.cos, std, mean);
          d[j + 8] = std::fma(radius * angle.sin, std, mean);
        }
    });
  });
}

void box_muller_scalar(std::span<float> u, float mean, float std) {
  parallel_for(static_cast<Dim>(u.size()) / block, 256, [=](Dim begin, Dim end) {
    for (float* d = u.data() + begin * block; d != u.data() + end * block; d += block)
      for (int j = 0; j < 8; ++j) {
        const float radius = std::sqrt(-2.0F * std::log(1.0F - d[j]));
        const auto angle = static_cast<float>(2 * std::numbers::pi * d[j + 8]);
        d[j] = radius * std::cos(angle) * std + mean;
        d[j + 8] = radius * std::sin(angle) * std + mean;
      }
  });
}

void box_muller(std::span<double> u, double mean, double std, bool fused) {
  parallel_for(static_cast<Dim>(u.size()) / block, 128, [=](Dim begin, Dim end) {
    const auto scaled = [=](double v) { return fused ? std::fma(v, std, mean) : v * std + mean; };
    for (double* d = u.data() + begin * block; d != u.data() + end * block; d += block)
      for (int j = 0; j < 8; ++j) {
        const double radius = std::sqrt(-2.0 * std::log(1.0 - d[j]));
        const double angle = 2 * std::numbers::pi * d[j + 8];
        d[j] = scaled(radius * std::cos(angle));
        d[j + 8] = scaled(radius * std::sin(angle));
      }
  });
}

}  // namespace fanin::detail
