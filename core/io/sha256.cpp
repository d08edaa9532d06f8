#include "core/io/sha256.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "core/simd.h"

namespace fanin {
namespace {

using Words = std::array<std::uint32_t, 8>;

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
constexpr std::array<std::uint32_t, 64> round_constants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

void absorb_block(Words& hash, const std::byte* block) {
  std::array<std::uint32_t, 64> w;
  for (std::size_t i = 0; i < 16; ++i) {
    w[i] = 0;
    for (std::size_t k = 0; k < 4; ++k) w[i] = (w[i] << 8) | std::to_integer<std::uint32_t>(block[4 * i + k]);
  }
  for (std::size_t i = 16; i < 64; ++i) {
    const std::uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ (a >> 3)) + w[i - 7] +
           (std::rotr(b, 17) ^ std::rotr(b, 19) ^ (b >> 10));
  }
  auto [a, b, c, d, e, f, g, h] = hash;
  for (std::size_t i = 0; i < 64; ++i) {
    const std::uint32_t s = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const std::uint32_t t = h + s + ((e & f) ^ (~e & g)) + round_constants[i] + w[i];
    const std::uint32_t u = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t, d = c, c = b, b = a, a = t + u;
  }
  const Words mixed = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) hash[i] += mixed[i];
}

#if defined(__x86_64__)
/// Whether the processor has SHA-256's own instructions. FANIN_ISA=generic does without them, as without AVX2.
bool has_instructions() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return isa() != Isa::generic && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & (1U << 29)) != 0;
}

/// The same sum with those instructions, which do two rounds each; they keep the words as (a, b, e, f) and (c, d, g,
/// h), the first in the highest lane.
[[gnu::target("sha,sse4.1,ssse3")]] void absorb_with_instructions(Words& hash, const std::byte* blocks,
                                                                  std::size_t count) {
  const auto lanes = [](std::uint32_t high, std::uint32_t b, std::uint32_t c, std::uint32_t low) {
    return std::array<std::uint32_t, 4>{low, c, b, high};
  };
  const auto first = lanes(hash[0], hash[1], hash[4], hash[5]);
  const auto second = lanes(hash[2], hash[3], hash[6], hash[7]);
  __m128i abef = _mm_loadu_si128(reinterpret_cast<const __m128i*>(first.data()));
  __m128i cdgh = _mm_loadu_si128(reinterpret_cast<const __m128i*>(second.data()));
  const __m128i high_byte_first = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  for (const std::byte* block = blocks; block != blocks + 64 * count; block += 64) {
    const __m128i abef_before = abef;
    const __m128i cdgh_before = cdgh;
    __m128i w[4];  // the last 16 words
    for (std::size_t group = 0; group < 16; ++group) {
      __m128i& now = w[group % 4];
      if (group < 4) {
        now = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block) + group), high_byte_first);
      } else {
        const __m128i last = w[(group + 3) % 4];
        const __m128i sum =
            _mm_add_epi32(_mm_sha256msg1_epu32(now, w[(group + 1) % 4]), _mm_alignr_epi8(last, w[(group + 2) % 4], 4));
        now = _mm_sha256msg2_epu32(sum, last);
      }
      const auto* constants = reinterpret_cast<const __m128i*>(round_constants.data()) + group;
      const __m128i k = _mm_add_epi32(now, _mm_loadu_si128(constants));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, k);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(k, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  std::array<std::uint32_t, 4> feba, hgdc;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(feba.data()), abef);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(hgdc.data()), cdgh);
  hash = {feba[3], feba[2], hgdc[3], hgdc[2], feba[1], feba[0], hgdc[1], hgdc[0]};
}
#endif

void absorb(Words& hash, const std::byte* blocks, std::size_t count) {
#if defined(__x86_64__)
  static const bool instructions = has_instructions();
  if (instructions) return absorb_with_instructions(hash, blocks, count);
#endif
  for (std::size_t i = 0; i < count; ++i) absorb_block(hash, blocks + 64 * i);
}

}  // namespace

std::string sha256(std::span<const std::byte> bytes) {
  // The first 32 bits of the fractional parts of the square roots of the first 8 primes.
  Words hash = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  const std::size_t whole = bytes.size() / 64 * 64;
  absorb(hash, bytes.data(), whole / 64);
  // The end: what is left, a one bit, zeros, and the length in bits, high byte first.
  const std::size_t left = bytes.size() - whole;
  std::array<std::byte, 128> tail{};
  std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(whole), bytes.end(), tail.begin());
  tail[left] = std::byte{0x80};
  const std::size_t size = left < 56 ? 64 : 128;
  const std::uint64_t bits = std::uint64_t{bytes.size()} * 8;
  for (std::size_t k = 0; k < 8; ++k) tail[size - 1 - k] = static_cast<std::byte>(bits >> (8 * k));
  absorb(hash, tail.data(), size / 64);

  std::string digits;
  for (const std::uint32_t word : hash)
    for (int shift = 28; shift >= 0; shift -= 4) digits += "0123456789abcdef"[(word >> shift) & 15U];
  return digits;
}

}  // namespace fanin
