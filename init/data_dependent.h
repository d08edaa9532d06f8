#pragma once

#include <functional>
#include <string>
#include <vector>

#include "layers/module.h"

namespace fanin {

/// Gives a batch of inputs [N, channels, …], the same one or the next one on every call.
using BatchSource = std::function<Tensor()>;

struct LsuvOptions {
  double tolerance = 0.1;  // how far from 1 a variance may stay
  int passes = 10;         // rescalings of one layer at most
};

/// What was done to one layer.
struct LsuvStep {
  std::string layer;  // path
  int passes = 0;
  double factor = 1;  // that the weight was multiplied by, all passes together
  double before = 0;  // standard deviation of the layer's output on the batch
  double after = 0;
};

/// Layer-sequential unit variance. The layers, given by their paths, are visited in the order in which they run; each
/// one's weight is divided by the standard deviation of the layer's output on a batch until that variance is 1 within
/// the tolerance. Start from orthogonal weights and biases of 0. The network runs in evaluation mode, without a graph,
/// and is left in the mode it was in.
/// Works on any tree: a layer is whatever owns a parameter called `weight`. Throws Error if a layer never runs,
/// NumericError if an output is constant or not finite.
/// Source: Mishkin and Matas 2016, "All you need is a good init", arXiv:1511.06422.
std::vector<LsuvStep> lsuv(Module& net, const std::vector<std::string>& layers, const BatchSource& batch,
                           LsuvOptions options = {});

/// What whiten() found in the patches.
struct Whitening {
  Dim directions = 0;   // taken, of C·kh·kw
  double share = 0;     // of the patches' power E|p|² that lies in them
  double largest = 0;   // λ of the first of them
  double smallest = 0;  // and of the last
};

/// Filters that whiten the patches of images [N, C, H, W] for a weight [out, C, kh, kw]: with the patches' uncentred
/// second moments E[p·pᵀ] = Σ λ_i·v_i·v_iᵀ, the first half of the filters is v_i / √(λ_i + eps), largest λ first, and
/// the second half their negatives, made for a nonlinearity that follows.
/// Throws ShapeError unless out is even and at most 2·C·kh·kw, and images have C channels and fit a patch.
/// Source: Jordan 2024, "94 % on CIFAR-10 in 3.29 seconds on a single GPU", section 3.2.
Whitening whiten(Tensor& weight, const Tensor& images, double eps = 5e-4);

}  // namespace fanin
