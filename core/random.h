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
/// The engine is mt19937, seeded with the low 32 bits of the seed. Filling is in memory order. For f32 normals of 16
/// or more values PyTorch has two results, that of x86 machines with AVX2 or later (`simd`, the default here on every
/// machine) and that of others (`scalar`).
class Generator final {
 public:
  enum class Path : std::uint8_t { simd, scalar };

  explicit Generator(std::uint64_t seed, Path path = Path::simd);

  void manual_seed(std::uint64_t seed);
  std::uint64_t initial_seed() const { return seed_; }

  std::uint32_t random();    // one 32-bit word
  std::uint64_t random64();  // two words, the first one high

  /// U[from, to), as Tensor.uniform_(from, to). f32 takes 24 bits of one word, f64 53 bits of two.
  void uniform(std::span<float> out, double from = 0, double to = 1);
  void uniform(std::span<double> out, double from = 0, double to = 1);
  /// N(mean, std²), as Tensor.normal_(mean, std) on contiguous memory.
  void normal(std::span<float> out, double mean = 0, double std = 1);
  void normal(std::span<double> out, double mean = 0, double std = 1);
  /// The tensor forms: f32 or f64, plain.
  void uniform(Tensor& out, double from = 0, double to = 1);
  void normal(Tensor& out, double mean = 0, double std = 1);
  /// As Tensor.bernoulli_(p): 1 with probability p, from 53 bits of two words an element.
  void bernoulli(std::span<float> out, double p);
  /// low … high − 1, as torch.randint.
  void randint(std::span<std::int64_t> out, std::int64_t low, std::int64_t high);
  /// A permutation of 0 … n − 1, as torch.randperm.
  std::vector<std::int64_t> randperm(std::int64_t n);

  /// Everything that decides what comes next, for a checkpoint; restore() throws NumericError if it is not one.
  std::string state() const;
  void restore(const std::string& state);

 private:
  std::uint64_t seed_ = 0;
  Path path_;
  std::array<std::uint32_t, 624> words_{};
  int next_ = 624;
  std::optional<double> spare_;  // second value of the short path, kept across calls as PyTorch keeps it
  void twist();
};

/// Random numbers as a function of a key: counter-based, so that a sample's augmentation depends only on
/// (seed, epoch, sample), not on threads or on where a run was resumed.
/// Source: Philox4x32-10, Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
class Stream final {
 public:
  explicit Stream(std::uint64_t seed, std::uint64_t a = 0, std::uint64_t b = 0);

  std::uint32_t bits();
  double uniform();                      // [0, 1)
  double uniform(double low, double high);  // [low, high)
  std::int64_t below(std::int64_t n);    // 0 … n − 1, without bias
  double normal();                       // N(0, 1)
  bool chance(double p);

 private:
  std::array<std::uint32_t, 2> key_{};
  std::array<std::uint32_t, 4> counter_{};
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace fanin
