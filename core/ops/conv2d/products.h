#pragma once

#include <cstring>

#include "core/lanes.h"
#include "core/shape.h"

namespace fanin::simd {

/// Rows of a product that are computed at once where each is `vectors` registers of L lanes: as many as there are
/// registers for, so that every word loaded is used several times.
template <int L, int vectors>
constexpr int rows_at_once = L == 16 ? (vectors == 4 ? 4 : 8) : 8 / vectors;

/// The word at `from` in all lanes.
template <int L>
[[gnu::always_inline]] inline void spread_word(Lanes<L>& to, const float* from) {
  using Word = typename LanesOf<L>::Word;
  std::uint32_t word;
  std::memcpy(&word, from, sizeof word);
  const Word all = word - Word{};
  std::memcpy(&to, &all, sizeof to);
}

/// c[r][n] = Σ_k a[r, k] · b[k][n], or += where `add`, for n < vectors · L and r < rows, a multiple of rows_at_once.
/// What a and b hold are words (lanes.h), c is f32. Steps count words: from row to row, from k to k.
template <int L, int vectors, bool pairs, Isa set>
[[gnu::always_inline]] inline void product(const float* a, Dim a_row, Dim a_k, const float* b, Dim b_k, float* c,
                                           Dim c_row, Dim rows, Dim K, bool add) {
  constexpr int R = rows_at_once<L, vectors>;
  for (Dim first = 0; first < rows; first += R) {
    const float* const row = a + first * a_row;
    float* const target = c + first * c_row;
    Lanes<L> sums[R][vectors] = {};
    if (add)
      for (int r = 0; r < R; ++r)
        for (int n = 0; n < vectors; ++n) load<L, set>(sums[r][n], target + r * c_row + n * L);
    for (Dim k = 0; k < K; ++k) {
      Lanes<L> w[vectors];
      for (int n = 0; n < vectors; ++n) load<L, set>(w[n], b + k * b_k + n * L);
      for (int r = 0; r < R; ++r) {
        Lanes<L> value;
        spread_word<L>(value, row + r * a_row + k * a_k);
        for (int n = 0; n < vectors; ++n) add_product<L, pairs, set>(sums[r][n], value, w[n]);
      }
    }
    for (int r = 0; r < R; ++r)
      for (int n = 0; n < vectors; ++n) store<L, set>(target + r * c_row + n * L, sums[r][n]);
  }
}

}  // namespace fanin::simd
