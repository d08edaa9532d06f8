#include "core/random.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <type_traits>

#include "core/box_muller.h"
#include "core/simd.h"

namespace fanin {
namespace {

constexpr std::size_t chunk = 2048;  // words drawn at a time; even, so that an f64 never straddles two chunks

[[gnu::always_inline]] inline std::uint32_t temper(std::uint32_t y) {
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680U;
  y ^= (y << 15) & 0xefc60000U;
  return y ^ (y >> 18);
}

[[gnu::always_inline]] inline std::uint32_t mixed(std::uint32_t high, std::uint32_t low) {
  const std::uint32_t y = (high & 0x80000000U) | (low & 0x7fffffffU);
  return (y >> 1) ^ ((0U - (low & 1U)) & 0x9908b0dfU);
}

// The conversions go through signed integers, for which SIMD has an instruction.
[[gnu::always_inline]] inline float unit24(std::uint32_t word) {
  return static_cast<float>(static_cast<std::int32_t>(word & 0xffffffU)) * 0x1p-24F;
}

[[gnu::always_inline]] inline double unit53(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t word = (static_cast<std::uint64_t>(high) << 32) | low;
  return static_cast<double>(static_cast<std::int64_t>(word & ((std::uint64_t{1} << 53) - 1))) * 0x1p-53;
}

}  // namespace

Generator::Generator(std::uint64_t seed, Path path) : path_(path) { manual_seed(seed); }

void Generator::manual_seed(std::uint64_t seed) {
  seed_ = seed;
  spare_.reset();
  next_ = static_cast<int>(words_.size());
  words_[0] = static_cast<std::uint32_t>(seed);
  for (std::uint32_t k = 1; k < words_.size(); ++k)
    words_[k] = 1812433253U * (words_[k - 1] ^ (words_[k - 1] >> 30)) + k;
}

void Generator::twist() {
  vectorized([s = words_.data()]() __attribute__((always_inline)) {
    for (int k = 0; k < 227; ++k) s[k] = s[k + 397] ^ mixed(s[k], s[k + 1]);
    for (int k = 227; k < 623; ++k) s[k] = s[k - 227] ^ mixed(s[k], s[k + 1]);
    s[623] = s[396] ^ mixed(s[623], s[0]);
  });
  next_ = 0;
}

std::uint32_t Generator::random() {
  if (next_ == 624) twist();
  return temper(words_[static_cast<std::size_t>(next_++)]);
}

std::uint64_t Generator::random64() {
  const std::uint64_t high = random();
  return (high << 32) | random();
}

void Generator::random(std::span<std::uint32_t> out) {
  while (!out.empty()) {
    if (next_ == 624) twist();
    const std::size_t count = std::min(out.size(), static_cast<std::size_t>(624 - next_));
    vectorized([ from = words_.data() + next_, to = out.data(), count ]() __attribute__((always_inline)) {
      for (std::size_t i = 0; i < count; ++i) to[i] = temper(from[i]);
    });
    next_ += static_cast<int>(count);
    out = out.subspan(count);
  }
}

void Generator::discard(std::uint64_t words) {
  while (words > 0) {
    if (next_ == 624) twist();
    const std::uint64_t count = std::min(words, static_cast<std::uint64_t>(624 - next_));
    next_ += static_cast<int>(count);
    words -= count;
  }
}

template <class T>
void Generator::fill_uniform(std::span<T> out, double from, double to) {
  const T low = static_cast<T>(from);
  const T width = static_cast<T>(to) - low;
  check<NumericError>(from <= to, "uniform: the range must have from <= to, got from = ", from, ", to = ", to);
  check<NumericError>(std::isfinite(low) && std::isfinite(width), "uniform: the range from ", from, " to ", to,
                      " is too wide for f", 8 * sizeof(T));
  constexpr std::size_t words = sizeof(T) / 4;
  std::array<std::uint32_t, chunk> drawn;
  while (!out.empty()) {
    const std::size_t count = std::min(out.size(), chunk / words);
    random(std::span(drawn).first(count * words));
    vectorized([&, fuse = fused() ]() __attribute__((always_inline)) {
      for (std::size_t i = 0; i < count; ++i) {
        T unit;
        if constexpr (std::is_same_v<T, float>)
          unit = unit24(drawn[i]);
        else
          unit = unit53(drawn[2 * i], drawn[2 * i + 1]);
        out[i] = fuse ? std::fma(unit, width, low) : unit * width + low;
      }
    });
    out = out.subspan(count);
  }
}

void Generator::uniform(std::span<float> out, double from, double to) { fill_uniform(out, from, to); }
void Generator::uniform(std::span<double> out, double from, double to) { fill_uniform(out, from, to); }

double Generator::serial_normal() {
  if (spare_) {
    const double value = *spare_;
    spare_.reset();
    return value;
  }
  std::array<double, 2> u;
  uniform(u);
  const double radius = std::sqrt(-2.0 * std::log1p(-u[1]));
  const double angle = 2 * std::numbers::pi * u[0];
  spare_ = radius * std::sin(angle);
  return radius * std::cos(angle);
}

template <class T>
void Generator::fill_normal(std::span<T> out, double mean, double std) {
  check<NumericError>(std >= 0, "normal: std must be >= 0, got ", std);
  if (out.size() < 16) return normal_serial(out, mean, std);
  const auto transform = [&](std::span<T> u) {
    if constexpr (std::is_same_v<T, double>)
      detail::box_muller(u, mean, std, fused());
    else if (fused())
      detail::box_muller_simd(u, static_cast<float>(mean), static_cast<float>(std));
    else
      detail::box_muller_scalar(u, static_cast<float>(mean), static_cast<float>(std));
  };
  uniform(out);
  transform(out.first(out.size() / 16 * 16));
  if (out.size() % 16 == 0) return;
  uniform(out.last(16));
  transform(out.last(16));
}

void Generator::normal(std::span<float> out, double mean, double std) { fill_normal(out, mean, std); }
void Generator::normal(std::span<double> out, double mean, double std) { fill_normal(out, mean, std); }

void Generator::normal_serial(std::span<double> out, double mean, double std) {
  check<NumericError>(std >= 0, "normal: std must be >= 0, got ", std);
  for (double& x : out) {
    const double v = serial_normal();
    x = fused() ? std::fma(v, std, mean) : v * std + mean;
  }
}

void Generator::normal_serial(std::span<float> out, double mean, double std) {
  for (float& x : out) {
    double value = 0;
    normal_serial({&value, 1}, mean, std);
    x = static_cast<float>(value);
  }
}

void Generator::uniform(Tensor& out, double from, double to) {
  if (out.dtype() == DType::f64)
    uniform(out.mutable_data<double>(), from, to);
  else
    uniform(out.mutable_data<float>(), from, to);
}

void Generator::normal(Tensor& out, double mean, double std) {
  if (out.dtype() == DType::f64)
    normal(out.mutable_data<double>(), mean, std);
  else
    normal(out.mutable_data<float>(), mean, std);
}

void Generator::bernoulli(std::span<float> out, double p) {
  check<NumericError>(p >= 0 && p <= 1, "bernoulli: p must be in [0, 1], got ", p);
  for (float& x : out) {
    const std::uint32_t high = random();
    x = unit53(high, random()) < p ? 1.0F : 0.0F;
  }
}

void Generator::bernoulli(std::span<float> out, std::span<const float> p) {
  check(out.size() == p.size(), "bernoulli: ", out.size(), " elements, but ", p.size(), " probabilities");
  for (std::size_t i = 0; i < out.size(); ++i) {
    check<NumericError>(p[i] >= 0 && p[i] <= 1, "bernoulli: p must be in [0, 1], got ", p[i], " at element ", i);
    out[i] = unit24(random()) < p[i] ? 1.0F : 0.0F;
  }
}

void Generator::randint(std::span<std::int64_t> out, std::int64_t low, std::int64_t high) {
  check<NumericError>(low < high, "randint: low must be below high, got low = ", low, ", high = ", high);
  const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  const bool wide = range > std::numeric_limits<std::uint32_t>::max();
  for (std::int64_t& x : out)
    x = static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + (wide ? random64() : random()) % range);
}

std::vector<std::int64_t> Generator::randperm(std::int64_t n) {
  check<NumericError>(n >= 0, "randperm: n must be >= 0, got ", n);
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = 0; i + 1 < order.size(); ++i) std::swap(order[i], order[i + random() % (order.size() - i)]);
  return order;
}

}  // namespace fanin
