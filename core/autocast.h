#pragma once

#include "core/tensor.h"

namespace fanin {

/// Whether this machine multiplies bf16 in hardware (avx512_bf16 or AMX) and oneDNN uses it: then convolutions run 2 to
/// 9 times faster than in f32. Elsewhere bf16 works, slowly, on the reference kernels.
bool multiplies_bf16();

/// Mixed precision. Within the scope, on this thread, conv2d, linear and matmul take f32 operands as bf16 (a recorded
/// cast, but for conv2d's weight, which its kernels round; parameters, their gradients and the optimiser stay f32), and
/// what they return is bf16. It flows on as bf16
/// through batch norm (whose parameters and statistics are f32), ReLU, add and pooling; cross_entropy takes it back to
/// f32. Sums are f32 everywhere. f64 is left alone. bf16 has the range of f32: no loss scaling is needed.
/// Same as torch.autocast("cpu", dtype=torch.bfloat16).
class Autocast final {
 public:
  explicit Autocast(bool on = true);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool outer_;
};
/// Whether the innermost Autocast scope on this thread wants bf16.
bool autocast_enabled();

/// Whether an operator of these operands is to run in bf16: within an Autocast scope, with an f32 operand and no other
/// than f32 and bf16.
bool wants_bf16(const Tensor& a, const Tensor& b);

}  // namespace fanin
