#pragma once

#include "core/ops/op_info.h"

namespace fanin {

/// Mean cross-entropy of logits against class labels, with label smoothing ε.
///
///   loss = −1/N Σ_n [ (1 − ε)·log p_n[t_n] + ε/K Σ_k log p_n[k] ],     p_n = softmax(logits_n)
///
/// logits  [N, K]   f32, f64 or bf16 (computed in f32)
/// labels  [N]      i64, 0 … K − 1
/// →       []       f32, or f64 where the logits are
///
/// Gradient: (p − (1 − ε)·onehot(t) − ε/K) / N. Saved for backward: p. Sums run over N and K in order, in double.
/// Throws ShapeError if the shapes do not fit, the batch is empty, a label is out of range or ε is not in [0, 1).
/// Source: label smoothing as in Szegedy et al. 2016 (arXiv:1512.00567). Same as torch.nn.functional.cross_entropy.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing = 0);
OpInfo cross_entropy_info();

}  // namespace fanin
