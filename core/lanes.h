#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "core/dtype.h"
#include "core/simd.h"

namespace fanin {

/// L floats side by side, L = 8 or 16: what a block of channels is computed in. The compiler maps them to the registers
/// of the instruction set the surrounding `vectorized` body is compiled for.
template <int L>
struct LanesOf;
template <>
struct LanesOf<8> {
  using Float = float __attribute__((vector_size(32)));
  using Word = std::uint32_t __attribute__((vector_size(32)));
  using Half = std::uint16_t __attribute__((vector_size(16)));
};
template <>
struct LanesOf<16> {
  using Float = float __attribute__((vector_size(64)));
  using Word = std::uint32_t __attribute__((vector_size(64)));
  using Half = std::uint16_t __attribute__((vector_size(32)));
};
template <int L>
using Lanes = typename LanesOf<L>::Float;

// Values are passed by reference: by value, their calling convention would depend on the instruction set. GCC takes
// some vectors apart (conversions, std::fma) and has to be told the instruction; intrinsics could not be called, as
// these functions are inlined into code that alone knows its instruction set, `set`. Clang needs no telling.
#if defined(__x86_64__) && !defined(__clang__)
inline constexpr bool names_instructions = true;
#else
inline constexpr bool names_instructions = false;
#endif

template <int L, Isa set>
[[gnu::always_inline]] inline void load(Lanes<L>& to, const float* from) {
  std::memcpy(&to, from, sizeof to);
}

template <int L, Isa set>
[[gnu::always_inline]] inline void load(Lanes<L>& to, const bfloat16* from) {
  using Word = typename LanesOf<L>::Word;
  typename LanesOf<L>::Half half;
  std::memcpy(&half, from, sizeof half);
  Word word;
  if constexpr (names_instructions && L == 16 && set >= Isa::avx512) {  // widened and shifted in one
    constexpr std::uint32_t high_halves = 0xaaaaaaaaU;
    const Word places = Word{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} << 16;
    __asm__("vpermw %g1, %2, %0%{%3%}%{z%}" : "=v"(word) : "v"(half), "v"(places), "Yk"(high_halves));
  } else {
    word = __builtin_convertvector(half, Word);
    word <<= 16;
  }
  std::memcpy(&to, &word, sizeof to);
}

/// r = a · b + c; rounded once but where the instruction set has nothing for it.
template <int L, Isa set>
[[gnu::always_inline]] inline void fused(Lanes<L>& r, const Lanes<L>& a, const Lanes<L>& b, const Lanes<L>& c) {
  if constexpr (names_instructions && set >= (L == 16 ? Isa::avx512 : Isa::avx2)) {
    Lanes<L> sum = c;
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "vm"(b));
    r = sum;
  } else if constexpr (!names_instructions && set != Isa::generic) {
    for (int l = 0; l < L; ++l) r[l] = std::fma(a[l], b[l], c[l]);
  } else {
    r = a * b + c;
  }
}

/// max(v, 0); NaN stays NaN.
template <int L, Isa set>
[[gnu::always_inline]] inline void rectify(Lanes<L>& v) {
  const Lanes<L> zero = {};
  if constexpr (names_instructions && set >= (L == 16 ? Isa::avx512 : Isa::avx2))
    __asm__("vmaxps %0, %1, %0" : "+v"(v) : "v"(zero));
  else
    v = zero > v ? zero : v;
}

template <int L, Isa set>
[[gnu::always_inline]] inline void store(float* to, const Lanes<L>& from) {
  std::memcpy(to, &from, sizeof from);
}

/// Whether words of two bf16 side by side are multiplied at once: instructions of AVX512_BF16 do that.
template <int L, Isa set>
constexpr bool multiplies_pairs = names_instructions&& L == 16 && set == Isa::avx512_bf16;

/// sum += a · b, of L words: an f32 each or, in pairs, two bf16 whose products are both added.
template <int L, bool pairs, Isa set>
[[gnu::always_inline]] inline void add_product(Lanes<L>& sum, const Lanes<L>& a, const Lanes<L>& b) {
  if constexpr (pairs) {
    Lanes<L> added = sum;
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(added) : "v"(a), "vm"(b));
    sum = added;
  } else {
    fused<L, set>(sum, a, b, sum);
  }
}

/// Rounds to nearest, ties to even, as bfloat16's constructor does (but may take denormals for zero).
template <int L, Isa set>
[[gnu::always_inline]] inline void store(bfloat16* to, const Lanes<L>& from) {
  typename LanesOf<L>::Half half;
  if constexpr (names_instructions && L == 16 && set == Isa::avx512_bf16) {
    __asm__("vcvtneps2bf16 %1, %0" : "=v"(half) : "v"(from));
    std::memcpy(static_cast<void*>(to), &half, sizeof half);
    return;
  }
  using Word = typename LanesOf<L>::Word;
  Word word;
  std::memcpy(&word, &from, sizeof word);
  const Word rounded = (word + 0x7fffU + ((word >> 16) & 1U)) >> 16;
  const Word result = (word & 0x7fffffffU) > 0x7f800000U ? (word >> 16) | 0x40U : rounded;
  half = __builtin_convertvector(result, typename LanesOf<L>::Half);
  std::memcpy(static_cast<void*>(to), &half, sizeof half);
}

/// store() past the caches, which need not fetch the line first: for results too large to be found there again. `to` is
/// aligned to its L elements. Other threads see them after published().
template <int L, Isa set, class T>
[[gnu::always_inline]] inline void stream(T* to, const Lanes<L>& from) {
  using Stored = std::conditional_t<std::is_same_v<T, float>, Lanes<L>, typename LanesOf<L>::Half>;
  Stored stored;
  store<L, set>(reinterpret_cast<T*>(&stored), from);
  constexpr std::size_t widest = set >= Isa::avx512 ? 64 : set >= Isa::avx2 ? 32 : 0;
  if constexpr (names_instructions && sizeof stored <= widest)
    __asm__("vmovntps %1, %0" : "=m"(*reinterpret_cast<Stored*>(to)) : "v"(stored));
  else
    std::memcpy(static_cast<void*>(to), &stored, sizeof stored);
}

/// Ends a series of stream().
inline void published() {
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#endif
}

/// Words of a[l] and b[l], side by side.
template <int L, Isa set>
[[gnu::always_inline]] inline void store_pairs(bfloat16* to, const Lanes<L>& a, const Lanes<L>& b) {
  bfloat16 rounded[2 * L];
  store<L, set>(rounded, a);
  store<L, set>(rounded + L, b);
  typename LanesOf<L>::Half low, high;
  std::memcpy(&low, rounded, sizeof low);
  std::memcpy(&high, rounded + L, sizeof high);
  [&]<int... l>(std::integer_sequence<int, l...>) __attribute__((always_inline)) {
    const auto words = __builtin_shufflevector(low, high, (l / 2 + l % 2 * L)...);
    std::memcpy(static_cast<void*>(to), &words, sizeof words);
  }
  (std::make_integer_sequence<int, 2 * L>());
}

/// The least instruction set that has registers of L lanes.
template <int L>
constexpr Isa least_isa = L == 16 ? Isa::avx512 : Isa::avx2;

/// vectorized() for loops over L lanes of T: compiled only for what makes a difference to them, registers of L lanes
/// and conversions of bf16. body.operator()<set>().
template <int L, class T, class F>
void with_registers(F&& body) {
#if defined(__x86_64__)
  if constexpr (L == 16 && std::is_same_v<T, bfloat16>)
    if (isa() == Isa::avx512_bf16) return detail::run_avx512_bf16(body);
  if constexpr (L == 16)
    if (isa() >= Isa::avx512) return detail::run_avx512(body);
  if (isa() >= Isa::avx2) return detail::run_avx2(body);
#endif
  detail::call<Isa::generic>(body);
}

}  // namespace fanin
