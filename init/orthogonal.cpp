#include "init/orthogonal.h"

#include <cmath>

#include "core/backends/blas.h"
#include "core/backends/lapack.h"
#include "init/schemes.h"

namespace fanin {
namespace {

std::size_t at(Dim index) { return static_cast<std::size_t>(index); }

/// Overwrites t with gain · value(i), i counting elements row-major.
template <class Value>
void assign(Tensor& t, double gain, Value value) {
  fill_elements(t, [&](auto out) {
    using T = typename decltype(out)::element_type;
    // The product is rounded in T, as PyTorch's is.
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<T>(value(i)) * static_cast<T>(gain);
  });
}

DType drawn_dtype(const Tensor& t) { return t.dtype() == DType::f64 ? DType::f64 : DType::f32; }

struct Kernel {
  Dim groups, out, in, taps;  // channels of one group
  std::vector<Dim> sizes;     // of the kernel
};

Kernel isometric_kernel(const Tensor& t, Dim groups, std::string_view scheme) {
  check(t.rank() >= 2, scheme, " needs 2 dimensions or more, got ", t.shape());
  check(groups > 0 && t.dim(0) % groups == 0, scheme, ": weight ", t.shape(), " does not divide into ", groups,
        " groups");
  Kernel k{groups, t.dim(0) / groups, t.dim(1), t.shape().numel_from(2), {t.shape().begin() + 2, t.shape().end()}};
  check(k.out >= k.in, scheme, " needs at least as many outputs as inputs to preserve norms, got ", t.shape(),
        groups > 1 ? " in groups" : "", "; use orthogonal");
  return k;
}

/// Index of the tap one step further along `axis`, in row-major order.
Dim stride_of(const Kernel& k, std::size_t axis) {
  Dim stride = 1;
  for (std::size_t a = axis + 1; a < k.sizes.size(); ++a) stride *= k.sizes[a];
  return stride;
}

using Matrix = std::vector<double>;

/// Multiplies the kernel's taps, each a matrix [n, m], by P + (I − P)·z from the left; z moves along `stride`.
void multiply_factor(std::vector<Matrix>& taps, Dim n, Dim m, Dim stride, Generator& generator) {
  const Dim half = std::max<Dim>(n / 2, 1);
  const Matrix u = random_orthogonal(n, half, generator);  // P = u·uᵀ
  Matrix inner(at(half * m));
  Matrix projected(at(n * m));
  for (std::size_t tap = taps.size(); tap-- > 0;) {
    Matrix& here = taps[tap];
    if (here.empty()) continue;
    blas::gemm(true, false, half, m, n, u.data(), half, here.data(), m, 0.0, inner.data(), m);
    blas::gemm(false, false, n, m, half, u.data(), half, inner.data(), m, 0.0, projected.data(), m);
    Matrix& next = taps[tap + at(stride)];
    if (next.empty()) next.assign(here.size(), 0.0);
    for (std::size_t i = 0; i < here.size(); ++i) {
      next[i] += here[i] - projected[i];
      here[i] = projected[i];
    }
  }
}

}  // namespace

std::vector<double> random_orthogonal(Dim rows, Dim columns, Generator& generator, DType dtype) {
  std::vector<double> g(at(rows * columns));
  if (dtype == DType::f64) {
    generator.normal(g);
  } else {
    std::vector<float> narrow(g.size());
    generator.normal(narrow);
    std::ranges::copy(narrow, g.begin());
  }
  // A wide matrix in row-major order is its tall transpose in LAPACK's column-major order.
  const bool wide = rows < columns;
  const Dim m = wide ? columns : rows;
  const Dim n = wide ? rows : columns;
  Matrix q = g;
  if (!wide)
    for (Dim i = 0; i < rows; ++i)
      for (Dim j = 0; j < columns; ++j) q[at(j * m + i)] = g[at(i * columns + j)];
  Matrix diagonal(at(n));
  lapack::qr(q, m, n, diagonal);
  for (Dim j = 0; j < n; ++j) {
    const double r = diagonal[at(j)];
    const double sign = r > 0 ? 1 : r < 0 ? -1 : 0;
    for (Dim i = 0; i < m; ++i) q[at(j * m + i)] *= sign;
  }
  if (wide) return q;
  for (Dim i = 0; i < rows; ++i)
    for (Dim j = 0; j < columns; ++j) g[at(i * columns + j)] = q[at(j * m + i)];
  return g;
}

void orthogonal(Tensor& t, Generator& generator, OrthogonalOptions options) {
  check(t.rank() >= 2, "orthogonal needs 2 dimensions or more, got ", t.shape());
  if (t.numel() == 0) return;
  const Dim out = t.dim(0);
  const Dim rest = t.shape().numel_from(1);
  if (options.flatten == OrthogonalOptions::Flatten::torch) {
    const Matrix q = random_orthogonal(out, rest, generator, drawn_dtype(t));
    return assign(t, options.gain, [&](std::size_t i) { return q[i]; });
  }
  const Dim in = t.dim(1);
  const Dim taps = t.shape().numel_from(2);
  const Matrix q = random_orthogonal(rest, out, generator, drawn_dtype(t));
  assign(t, options.gain, [&](std::size_t i) {
    const Dim o = static_cast<Dim>(i) / rest;
    const Dim c = static_cast<Dim>(i) % rest / taps;
    const Dim tap = static_cast<Dim>(i) % taps;
    return q[at((tap * in + c) * out + o)];
  });
}

void delta_orthogonal(Tensor& t, Generator& generator, IsometryOptions options) {
  const Kernel k = isometric_kernel(t, options.groups, "delta_orthogonal");
  if (t.numel() == 0) return;
  Dim centre = 0;
  for (std::size_t axis = 0; axis < k.sizes.size(); ++axis) centre += k.sizes[axis] / 2 * stride_of(k, axis);
  std::vector<Matrix> q;
  for (Dim g = 0; g < k.groups; ++g) q.push_back(random_orthogonal(k.out, k.in, generator, drawn_dtype(t)));
  assign(t, options.gain, [&](std::size_t i) {
    const Dim matrix = static_cast<Dim>(i) / k.taps;
    if (static_cast<Dim>(i) % k.taps != centre) return 0.0;
    return q[at(matrix / (k.out * k.in))][at(matrix % (k.out * k.in))];
  });
}

void block_orthogonal(Tensor& t, Generator& generator, IsometryOptions options) {
  const Kernel k = isometric_kernel(t, options.groups, "block_orthogonal");
  if (t.numel() == 0) return;
  std::vector<std::vector<Matrix>> groups;
  for (Dim g = 0; g < k.groups; ++g) {
    std::vector<Matrix> taps(at(k.taps));
    taps[0] = random_orthogonal(k.out, k.in, generator);
    for (std::size_t axis = 0; axis < k.sizes.size(); ++axis)
      for (Dim step = 1; step < k.sizes[axis]; ++step)
        multiply_factor(taps, k.out, k.in, stride_of(k, axis), generator);
    groups.push_back(std::move(taps));
  }
  assign(t, options.gain, [&](std::size_t i) {
    const Dim matrix = static_cast<Dim>(i) / k.taps;
    const Matrix& tap = groups[at(matrix / (k.out * k.in))][i % at(k.taps)];
    return tap.empty() ? 0.0 : tap[at(matrix % (k.out * k.in))];
  });
}

void looks_linear(Tensor& t, Generator& generator, double gain, Mirror mirror) {
  check(t.rank() >= 2, "looks_linear needs 2 dimensions or more, got ", t.shape());
  const bool split_out = mirror != Mirror::inputs;
  const bool split_in = mirror != Mirror::outputs;
  check((!split_out || t.dim(0) % 2 == 0) && (!split_in || t.dim(1) % 2 == 0),
        "looks_linear needs an even number of mirrored channels, got ", t.shape());
  if (t.numel() == 0) return;
  const Dim out = t.dim(0) / (split_out ? 2 : 1);
  const Dim in = t.dim(1) / (split_in ? 2 : 1);
  const Dim taps = t.shape().numel_from(2);
  const Matrix w = random_orthogonal(out, in * taps, generator, drawn_dtype(t));
  assign(t, gain, [&](std::size_t i) {
    const Dim tap = static_cast<Dim>(i) % taps;
    const Dim c = static_cast<Dim>(i) / taps % t.dim(1);
    const Dim o = static_cast<Dim>(i) / taps / t.dim(1);
    const double sign = (o >= out) == (c >= in) ? 1 : -1;
    return sign * w[at((o % out * in + c % in) * taps + tap)];
  });
}

}  // namespace fanin
