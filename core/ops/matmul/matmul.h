#pragma once

#include "core/ops/op_info.h"

namespace fanin {

/// The matrix product a · b.
///
/// a  [M, K], b  [K, N]   f32, f64 or bf16, the same dtype   →  [M, N]
///
/// Gradients: da = dy · bᵀ, db = aᵀ · dy. Saved for backward: a and b.
/// Throws ShapeError if the inner sizes differ. Same as torch.mm.
Tensor matmul(const Tensor& a, const Tensor& b);
OpInfo matmul_info();

}  // namespace fanin
