#include "init/structured.h"

#include <bit>
#include <cmath>

#include "init/schemes.h"

namespace fanin {
namespace {

/// Calls f(write), where write(o, c, value) sets the centre tap from input channel c to output channel o.
template <class F>
void at_centre(Tensor& t, F f) {
  Dim centre = 0;
  for (int axis = 2; axis < t.rank(); ++axis) centre = centre * t.dim(axis) + t.dim(axis) / 2;
  const Dim taps = t.shape().numel_from(2);
  const Dim in = t.dim(1);
  dispatch(t.dtype(), [&]<class T>() {
    const std::span<T> out = t.mutable_data<T>();
    f([&](Dim o, Dim c, double value) {
      out[static_cast<std::size_t>((o * in + c) * taps + centre)] = static_cast<T>(static_cast<compute_t<T>>(value));
    });
  });
}

void check_dirac(const Tensor& t, Dim groups) {
  check(t.rank() >= 3 && t.rank() <= 5, "dirac needs 3, 4 or 5 dimensions, got ", t.shape(), "; eye takes 2");
  check(groups > 0 && t.dim(0) % groups == 0, "dirac: dimension 0 of ", t.shape(),
        " must be divisible by groups = ", groups);
}

}  // namespace

void eye(Tensor& t) {
  check(t.rank() == 2, "eye needs 2 dimensions, got ", t.shape(), "; dirac takes convolutions");
  t.fill_(0);
  at_centre(t, [&](auto write) {
    for (Dim d = 0; d < std::min(t.dim(0), t.dim(1)); ++d) write(d, d, 1);
  });
}

void dirac(Tensor& t, Dim groups) {
  check_dirac(t, groups);
  t.fill_(0);
  const Dim out = t.dim(0) / groups;
  at_centre(t, [&](auto write) {
    for (Dim g = 0; g < groups; ++g)
      for (Dim d = 0; d < std::min(out, t.dim(1)); ++d) write(g * out + d, d, 1);
  });
}

void partial_dirac(Tensor& t) {
  check_dirac(t, 1);
  const Dim filters = std::min(t.dim(0), t.dim(1));
  const auto one_filter = static_cast<std::size_t>(t.shape().numel_from(1));
  dispatch(t.dtype(), [&]<class T>() {
    std::ranges::fill(t.mutable_data<T>().first(static_cast<std::size_t>(filters) * one_filter), T(0));
  });
  at_centre(t, [&](auto write) {
    for (Dim d = 0; d < filters; ++d) write(d, d, 1);
  });
}

void sparse(Tensor& t, Generator& generator, double sparsity, double std) {
  check(t.rank() == 2, "sparse needs 2 dimensions, got ", t.shape());
  check<NumericError>(sparsity >= 0, "sparse: sparsity must be >= 0, got ", sparsity);
  normal(t, generator, 0, std);
  const Dim rows = t.dim(0);
  const Dim columns = t.dim(1);
  const Dim zeros = std::min(rows, static_cast<Dim>(std::ceil(sparsity * static_cast<double>(rows))));
  dispatch(t.dtype(), [&]<class T>() {
    const std::span<T> out = t.mutable_data<T>();
    for (Dim column = 0; column < columns; ++column) {
      const std::vector<std::int64_t> order = generator.randperm(rows);
      for (Dim k = 0; k < zeros; ++k)
        out[static_cast<std::size_t>(order[static_cast<std::size_t>(k)] * columns + column)] = T(0);
    }
  });
}

void zero_init(Tensor& t) {
  check(t.rank() >= 2, "zero needs 2 dimensions or more, got ", t.shape());
  t.fill_(0);
  if (t.numel() == 0) return;
  const Dim out = t.dim(0);
  const Dim in = t.dim(1);
  const auto m = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(out - 1)));
  const double scale = std::exp2(-(m - 1) / 2.0);
  at_centre(t, [&](auto write) {
    if (out <= in)
      for (Dim d = 0; d < out; ++d) write(d, d, 1);
    else  // Sylvester's Hadamard matrix: the sign is the parity of the bits that row and column share
      for (Dim o = 0; o < out; ++o)
        for (Dim c = 0; c < in; ++c)
          write(o, c, std::popcount(static_cast<std::uint64_t>(o & c)) % 2 == 0 ? scale : -scale);
  });
}

}  // namespace fanin
