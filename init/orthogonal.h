#pragma once

#include <string_view>
#include <vector>

#include "core/random.h"
#include "layers/module.h"

namespace fanin {

/// A random matrix [rows, columns], row-major, whose rows or columns (the fewer) are orthonormal, uniform over all such
/// (Haar): Q of a Gaussian matrix's QR decomposition, its columns multiplied by the signs of R's diagonal. The Gaussian
/// is drawn row-major in `dtype` (f32 or f64), as torch.nn.init draws it.
/// Source: Mezzadri 2007, "How to generate random matrices from the classical compact groups".
std::vector<double> random_orthogonal(Dim rows, Dim columns, Generator& generator, DType dtype = DType::f64);

struct OrthogonalOptions {
  double gain = 1;
  /// How a kernel becomes a matrix before the numbers are drawn: [out, in·K] as PyTorch, or [K·in, out] as Keras. The
  /// distribution is the same.
  enum class Flatten : std::uint8_t { torch, keras } flatten = Flatten::torch;
};

/// gain times an orthogonal matrix; for a kernel, the flattened one, which does not make the convolution an isometry:
/// see delta_orthogonal. Agrees with torch.nn.init.orthogonal_ to 3e-7: the last bits are LAPACK's.
/// Throws ShapeError below 2 dimensions. Source: Saxe et al. 2013, arXiv:1312.6120.
void orthogonal(Tensor& t, Generator& generator, OrthogonalOptions options = {});

struct IsometryOptions {
  double gain = 1;
  Dim groups = 1;  // each group is an isometry of its own
};

/// Zero but for the centre tap (index k / 2), which is gain times an orthogonal matrix: convolution with it preserves
/// norms exactly. [out, in / groups, kernel…]; throws ShapeError if out < in.
/// Source: Xiao et al. 2018, arXiv:1806.05393, algorithm 2.
void delta_orthogonal(Tensor& t, Generator& generator, IsometryOptions options = {});

/// An exactly norm-preserving kernel that uses all its taps: a product of factors P + (I − P)·z, one for every step of
/// every axis, P a random projection on half the channels and z a shift along the axis, times an orthogonal matrix.
/// Shapes and errors as delta_orthogonal. Source: Xiao et al. 2018, algorithm 1; Kautsky and Turcajová 1994.
void block_orthogonal(Tensor& t, Generator& generator, IsometryOptions options = {});

enum class Mirror : std::uint8_t { both, outputs, inputs };

/// For networks of ReLUs (or CReLUs) that start as linear: the weight is [[W, −W], [−W, W]] over channels, W being an
/// orthogonal matrix of half the size times gain. A network's first layer mirrors only its outputs, [[W], [−W]], its
/// last one only its inputs, [W, −W]. Throws ShapeError if a mirrored number of channels is odd.
/// Source: Balduzzi et al. 2017, "The shattered gradients problem", section 4.
void looks_linear(Tensor& t, Generator& generator, double gain = 1, Mirror mirror = Mirror::both);

}  // namespace fanin
