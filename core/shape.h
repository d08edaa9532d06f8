#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>

#include "core/check.h"

namespace fanin {

using Dim = std::int64_t;

/// Sizes of a tensor's dimensions, at most `max_rank` of them, stored in place. The empty shape [] is a scalar.
/// Their product, zeros left out, is at most `max_numel`, so that sizes read from
/// files or typed by mistake cannot wrap around to a small number.
class Shape final {
 public:
  static constexpr int max_rank = 6;
  static constexpr Dim max_numel = Dim{1} << 48;

  Shape() = default;
  Shape(std::initializer_list<Dim> sizes) : Shape(std::span<const Dim>(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const Dim> sizes) : rank_(static_cast<int>(sizes.size())) {
    check(sizes.size() <= max_rank, "a tensor has at most ", max_rank, " dimensions, got ", sizes.size());
    std::copy(sizes.begin(), sizes.end(), sizes_.begin());
    check_sizes();
  }

  /// Throws ShapeError if a size is negative or the product too large; for shapes changed through operator[].
  void check_sizes() const {
    for (Dim size : *this) check(size >= 0, "a dimension cannot be negative: ", *this);
    check(countable({begin(), end()}), "a tensor of shape ", *this, " has more elements than can be counted");
  }

  /// Whether the product of these sizes, none of them negative, is within `max_numel`.
  static bool countable(std::span<const Dim> sizes) {
    Dim product = 1;
    for (Dim size : sizes) {
      if (size > max_numel / product) return false;
      product *= std::max<Dim>(size, 1);
    }
    return true;
  }

  int rank() const { return rank_; }
  Dim operator[](int i) const { return sizes_[index(i)]; }
  Dim& operator[](int i) { return sizes_[index(i)]; }
  const Dim* begin() const { return sizes_.data(); }
  const Dim* end() const { return sizes_.data() + rank_; }

  /// Product of the sizes; 1 for a scalar.
  Dim numel() const {
    Dim product = 1;
    for (Dim size : *this) product *= size;
    return product;
  }

  /// Product of the sizes from dimension `first` on.
  Dim numel_from(int first) const {
    Dim product = 1;
    for (int i = first; i < rank_; ++i) product *= (*this)[i];
    return product;
  }

  bool operator==(const Shape& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }

  friend std::ostream& operator<<(std::ostream& out, const Shape& shape) {
    out << '[';
    for (int i = 0; i < shape.rank_; ++i) out << (i ? ", " : "") << shape[i];
    return out << ']';
  }

 private:
  std::size_t index(int i) const {
    assert(0 <= i && i < rank_);
    return static_cast<std::size_t>(i);
  }

  std::array<Dim, max_rank> sizes_{};
  int rank_ = 0;
};

/// Height and width, or one number for both: kernels, strides, padding, dilation.
struct Size2 {
  Dim h = 0;
  Dim w = 0;

  constexpr Size2() = default;
  constexpr Size2(Dim both) : h(both), w(both) {}
  constexpr Size2(Dim height, Dim width) : h(height), w(width) {}
  bool operator==(const Size2&) const = default;
  friend std::ostream& operator<<(std::ostream& out, Size2 size) { return out << size.h << "x" << size.w; }
};

}  // namespace fanin
