#pragma once

#include "core/ops/op_info.h"

namespace fanin {

struct BatchNorm2dOptions {
  bool training = true;
  double momentum = 0.1;  // weight of the new value in the running statistics, as PyTorch has it
  double eps = 1e-5;
  bool relu =
      false;  // y = max(…, 0): the fused form, relu(batch_norm2d(…)) or add_relu(batch_norm2d(…), a), rounded once
};

/// Batch normalisation of each channel over batch and pixels.
///
///   y = (x − mean) / √(var + eps) · weight + bias + addend
///
/// training: mean and biased variance of this batch; the running statistics move towards the batch's,
///   running_mean ← (1 − m)·running_mean + m·mean,   running_var ← (1 − m)·running_var + m·var·n/(n − 1),
///   n = N·H·W: what is stored is the unbiased variance, what normalises the biased one.
/// evaluation: mean and variance are the running ones, which stay as they are.
///
/// x                        [N, C, H, W]   f32, f64 or bf16; any layout
/// weight, bias             [C]            f64 where x is, else f32
/// running_mean, _var       [C]            of the same dtype; written in training
/// addend                   [N, C, H, W]   or undefined; dtype of x, any layout: the shortcut of a residual block
/// →                        [N, C, H, W]   dtype of x; layout chosen by the kernel
///
/// Gradients: x, weight, bias, addend; in training through mean and variance. With relu, 0 where y is 0.
/// Saved for backward: x, mean, variance (the ReLU's mask is computed again from them, or kept as bits); the addend
/// or y where there are an addend and a ReLU.
/// Throws ShapeError if the shapes do not fit or, in training, if a channel has a single value (n = 1).
/// Source: Ioffe and Szegedy 2015 (arXiv:1502.03167). Same as torch.nn.functional.batch_norm.
Tensor batch_norm2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& running_mean,
                    Tensor& running_var, const BatchNorm2dOptions& options = {}, const Tensor& addend = {});
OpInfo batch_norm2d_info();

}  // namespace fanin
