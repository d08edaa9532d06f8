#pragma once

#include <array>

#include "core/backend.h"
#include "core/tensor.h"

namespace fanin {

/// What is done to each element after it is normalised: + addend (where defined), then max(…, 0) if `relu`.
struct BatchNorm2dTail {
  Tensor addend;
  bool relu = false;
};

/// What a forward pass in training leaves behind. `mean` and `variance` (biased) are [C] in the dtype of the
/// parameters; `workspace` is the kernel's own (a mask) or undefined.
struct BatchNorm2dResult {
  Tensor y, mean, variance, workspace;
};

struct BatchNorm2dGradients {
  Tensor dx, dweight, dbias, daddend;
};

/// How the forward pass ran, for backward.
struct BatchNorm2dSaved {
  const Tensor &x, &mean, &variance, &weight, &bias, &workspace;
  const Tensor& y;  // defined where the kernel itself added an addend before the ReLU
  double eps;
  bool relu;
};

/// One way to compute batch normalisation. Tensors come in any layout and leave in the layout the kernel wants;
/// parameters and statistics are [C] in f64 where x is f64, else f32.
class BatchNorm2dKernels final {
 public:
  using Supports = bool (*)(const Shape&, DType, Layout);
  /// With the batch's own statistics.
  using Training = BatchNorm2dResult (*)(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                                         const BatchNorm2dTail& tail);
  /// With given statistics.
  using Evaluation = Tensor (*)(const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& weight,
                                const Tensor& bias, double eps, const BatchNorm2dTail& tail);
  /// The gradient through the batch's statistics (after Training), or with them constant (after Evaluation). `more`,
  /// where defined, is to be added to dy.
  using Backward = BatchNorm2dGradients (*)(Tensor dy, Tensor more, const BatchNorm2dSaved& saved,
                                            bool through_statistics);

  struct Abilities {
    bool repeat = false;  // evaluation, given the batch's statistics, repeats training's y to the bit
    bool add = false;     // takes an addend before a ReLU, and then `more` in backward; others are given neither
  };

  constexpr BatchNorm2dKernels(Backend which, Supports s, Training t, Evaluation e, Backward b, Abilities abilities)
      : backend(which), supports(s), training(t), evaluation(e), backward(b), can(abilities) {}

  Backend backend;
  Supports supports;
  Training training;
  Evaluation evaluation;
  Backward backward;
  Abilities can;
};

namespace reference {
extern const BatchNorm2dKernels batch_norm2d;  // plain loops: the specification
}
namespace onednn {
extern const BatchNorm2dKernels batch_norm2d;  // f32 and bf16; in evaluation it leaves the work to the two others
}
namespace simd {
extern const BatchNorm2dKernels batch_norm2d;  // own vector code over blocked and channels-last f32 and bf16
}

/// Fastest first; the last one accepts everything.
inline constexpr std::array batch_norm2d_kernels{&simd::batch_norm2d, &onednn::batch_norm2d, &reference::batch_norm2d};

}  // namespace fanin
