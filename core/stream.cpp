#include <bit>
#include <cmath>
#include <numbers>

#include "core/random.h"
#include "core/simd.h"

namespace fanin {
namespace {

std::uint32_t low32(std::uint64_t v) { return static_cast<std::uint32_t>(v); }
std::uint32_t high32(std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); }

}  // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t q = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {high32(q) ^ counter[1] ^ key[0], low32(q), high32(p) ^ counter[3] ^ key[1], low32(p)};
    key = {key[0] + 0x9E3779B9U, key[1] + 0xBB67AE85U};
  }
  return counter;
}

namespace {

/// Sixteen blocks of Philox side by side, their words in order: block i is that of counter `first` + i.
constexpr std::size_t side_by_side = 16;
[[gnu::always_inline]] inline void philox_blocks(std::uint64_t first, std::uint32_t c2, std::uint32_t c3,
                                                 std::array<std::uint32_t, 2> key, std::uint32_t* out) {
  std::uint32_t w[4][side_by_side];
  for (std::size_t i = 0; i < side_by_side; ++i) {
    w[0][i] = static_cast<std::uint32_t>(first + i);
    w[1][i] = static_cast<std::uint32_t>((first + i) >> 32);
    w[2][i] = c2;
    w[3][i] = c3;
  }
  for (int round = 0; round < 10; ++round) {
    for (std::size_t i = 0; i < side_by_side; ++i) {
      const std::uint64_t p = std::uint64_t{0xD2511F53U} * w[0][i];
      const std::uint64_t q = std::uint64_t{0xCD9E8D57U} * w[2][i];
      w[0][i] = static_cast<std::uint32_t>(q >> 32) ^ w[1][i] ^ key[0];
      w[1][i] = static_cast<std::uint32_t>(q);
      w[2][i] = static_cast<std::uint32_t>(p >> 32) ^ w[3][i] ^ key[1];
      w[3][i] = static_cast<std::uint32_t>(p);
    }
    key = {key[0] + 0x9E3779B9U, key[1] + 0xBB67AE85U};
  }
  for (std::size_t i = 0; i < side_by_side; ++i)
    for (std::size_t k = 0; k < 4; ++k) out[4 * i + k] = w[k][i];
}

}  // namespace

Stream::Stream(std::uint64_t seed, std::uint64_t a, std::uint64_t b) {
  const auto start = philox({low32(a), high32(a), low32(b), high32(b)}, {low32(seed), high32(seed)});
  key_ = {start[0], start[1]};
  counter_ = {0, 0, start[2], start[3]};
}

std::uint32_t Stream::bits() {
  if (used_ == 4) {
    block_ = philox(counter_, key_);
    if (++counter_[0] == 0) ++counter_[1];
    used_ = 0;
  }
  return block_[static_cast<std::size_t>(used_++)];
}

void Stream::bits(std::span<std::uint32_t> out) {
  std::size_t done = 0;
  while (done < out.size() && used_ < 4) out[done++] = bits();
  const std::size_t groups = (out.size() - done) / (4 * side_by_side);
  const std::uint64_t first = (std::uint64_t{counter_[1]} << 32) | counter_[0];
  vectorized([&]() __attribute__((always_inline)) {
    for (std::size_t g = 0; g < groups; ++g)
      philox_blocks(first + g * side_by_side, counter_[2], counter_[3], key_, out.data() + done + g * 4 * side_by_side);
  });
  discard(groups * 4 * side_by_side);
  for (done += groups * 4 * side_by_side; done < out.size(); ++done) out[done] = bits();
}

void Stream::discard(std::uint64_t words) {
  const auto left = static_cast<std::uint64_t>(4 - used_);
  if (words <= left) {
    used_ += static_cast<int>(words);
    return;
  }
  const std::uint64_t blocks = ((std::uint64_t{counter_[1]} << 32) | counter_[0]) + (words - left) / 4;
  counter_[0] = low32(blocks);
  counter_[1] = high32(blocks);
  used_ = 4;
  for (std::uint64_t rest = (words - left) % 4; rest > 0; --rest) bits();
}

std::uint64_t Stream::bits64() {
  const std::uint64_t high = bits();
  return (high << 32) | bits();
}

double Stream::uniform() { return static_cast<double>(bits64() >> 11) * 0x1p-53; }

double Stream::uniform(double low, double high) {
  const double value = low + (high - low) * uniform();
  return value < high ? value : low;  // rounding can reach `high`
}

std::int64_t Stream::below(std::int64_t n) {
  check<NumericError>(n > 0, "Stream::below: n must be positive, got ", n);
  const auto range = static_cast<std::uint64_t>(n);
  // The lowest 2^64 mod n words are drawn again, so that every remainder is left equally often.
  const std::uint64_t surplus = (0 - range) % range;
  std::uint64_t word = bits64();
  while (word < surplus) word = bits64();
  return static_cast<std::int64_t>(word % range);
}

double Stream::normal() {
  const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

bool Stream::chance(double p) { return uniform() < p; }

}  // namespace fanin
