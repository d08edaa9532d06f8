#pragma once

#include "core/random.h"

namespace fanin {

/// 1 on the main diagonal, 0 elsewhere; any rectangle. Throws ShapeError unless the tensor has 2 dimensions.
void eye(Tensor& t);

/// The identity as a convolution of 1 to 3 dimensions: channel d of each group passes through the centre tap (index
/// k / 2), for as many channels as both sides have. [out, in / groups, kernel…]; throws ShapeError on other ranks, or
/// if groups do not divide out. Source: Zagoruyko and Komodakis 2017, "DiracNets"; torch.nn.init.dirac_.
void dirac(Tensor& t, Dim groups = 1);

/// As dirac, but only for the first in filters; the others keep what they hold. Source: Jordan 2024, "94 % on CIFAR-10
/// in 3.29 seconds on a single GPU", section 3.3.
void partial_dirac(Tensor& t);

/// N(0, std²), of which ⌈sparsity · rows⌉ values of each column, chosen at random, are 0. Throws ShapeError unless the
/// tensor has 2 dimensions. Source: Martens 2010, "Deep learning via Hessian-free optimization"; torch.nn.init.sparse_.
void sparse(Tensor& t, Generator& generator, double sparsity, double std = 0.01);

/// ZerO: nothing is drawn. With P outputs and Q inputs, at the centre tap of a kernel: the identity, cut off below, if
/// P <= Q; otherwise c·I·H·I, the top left of the Hadamard matrix of 2^m >= P rows, with c = 2^(−(m−1)/2).
/// The last layers of residual branches are to be zero besides. Throws ShapeError below 2 dimensions.
/// Source: Zhao, Schäfer and Anandkumar 2021, "ZerO initialization", arXiv:2110.12661, algorithm 1.
void zero_init(Tensor& t);

}  // namespace fanin
