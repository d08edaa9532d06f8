#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace fanin {

/// PyTorch's CPU generator, bit for bit: what torch.manual_seed(seed) and then the same calls would draw.
///
/// The engine is mt19937, seeded with the low 32 bits of the seed. Filling is in memory order. PyTorch has two results
/// in the last digits: that of x86 machines with AVX2 or later (`simd`, the default here on every machine) and that of
/// others (`scalar`). Normals of f32 under `simd` and everything uniform are computed by fanin's own arithmetic, so
/// that they are the same on every machine; f64 normals, fills of fewer than 16 and `scalar` use libm's functions.
class Generator final {
 public:
  enum class Path : std::uint8_t { simd, scalar };

  explicit Generator(std::uint64_t seed, Path path = Path::simd);

  void manual_seed(std::uint64_t seed);
  std::uint64_t initial_seed() const { return seed_; }
  Path path() const { return path_; }

  std::uint32_t random();                     // one 32-bit word
  std::uint64_t random64();                   // two words, the first one high
  void random(std::span<std::uint32_t> out);  // as many calls of random(), much faster
  /// As if `words` words had been drawn.
  void discard(std::uint64_t words);

  /// U[from, to), as Tensor.uniform_(from, to). f32 takes 24 bits of one word, f64 53 bits of two.
  /// Throws NumericError if from > to, or if to − from is not finite.
  void uniform(std::span<float> out, double from = 0, double to = 1);
  void uniform(std::span<double> out, double from = 0, double to = 1);
  /// N(mean, std²), as Tensor.normal_(mean, std) on contiguous memory. From 16 values on, blocks of 16 uniforms become
  /// 16 normals (Box and Muller 1958), and a remainder takes 16 words more for the last 16 places: a longer fill does
  /// not start with the values of a shorter one. Throws NumericError if std is negative or NaN.
  void normal(std::span<float> out, double mean = 0, double std = 1);
  void normal(std::span<double> out, double mean = 0, double std = 1);
  /// As Tensor.normal_ on memory that is not contiguous, and on fewer than 16 values: pairs in double precision, of
  /// which the second is kept for the next call.
  void normal_serial(std::span<float> out, double mean = 0, double std = 1);
  void normal_serial(std::span<double> out, double mean = 0, double std = 1);
  /// The tensor forms: f32 or f64, plain.
  void uniform(Tensor& out, double from = 0, double to = 1);
  void normal(Tensor& out, double mean = 0, double std = 1);
  /// As Tensor.bernoulli_(p): 1 with probability p, from 53 bits of two words an element.
  /// Throws NumericError unless 0 <= p <= 1.
  void bernoulli(std::span<float> out, double p);
  /// As torch.bernoulli of a tensor of probabilities: 24 bits of one word an element.
  void bernoulli(std::span<float> out, std::span<const float> p);
  /// low … high − 1, as torch.randint. Throws NumericError if high <= low.
  void randint(std::span<std::int64_t> out, std::int64_t low, std::int64_t high);
  /// A permutation of 0 … n − 1, as torch.randperm.
  std::vector<std::int64_t> randperm(std::int64_t n);

  /// Everything that decides what comes next, as text, for a checkpoint; restore() throws NumericError if it is not.
  std::string state() const;
  void restore(const std::string& state);

 private:
  std::uint64_t seed_ = 0;
  Path path_;
  std::array<std::uint32_t, 624> words_{};
  int next_ = 624;
  std::optional<double> spare_;  // second value of the serial path, kept across calls as PyTorch keeps it
  void twist();
  double serial_normal();
  bool fused() const { return path_ == Path::simd; }
  template <class T>
  void fill_uniform(std::span<T> out, double from, double to);
  template <class T>
  void fill_normal(std::span<T> out, double mean, double std);
};

/// One block of Philox4x32-10: four random words as a function of a counter and a key.
/// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// Random numbers as a function of a key: counter-based, so that a sample's augmentation depends only on
/// (seed, epoch, sample), not on threads or on where a run was resumed.
///
/// Philox of (a, b) under the key `seed` gives the stream's own key and the upper half of its counter; as Philox is
/// one to one, two streams of a seed never coincide.
class Stream final {
 public:
  explicit Stream(std::uint64_t seed, std::uint64_t a = 0, std::uint64_t b = 0);

  std::uint32_t bits();
  void bits(std::span<std::uint32_t> out);  // as many calls of bits(), much faster
  double uniform();                         // [0, 1), 53 bits
  double uniform(double low, double high);  // [low, high)
  std::int64_t below(std::int64_t n);       // 0 … n − 1, without bias; throws NumericError if n <= 0
  double normal();                          // N(0, 1)
  bool chance(double p);                    // true with probability p
  /// As if `words` more of bits() had been drawn, at no cost.
  void discard(std::uint64_t words);

 private:
  std::array<std::uint32_t, 2> key_{};
  std::array<std::uint32_t, 4> counter_{};
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
  std::uint64_t bits64();
};

}  // namespace fanin
