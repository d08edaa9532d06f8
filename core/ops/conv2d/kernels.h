#pragma once

#include <array>
#include <string_view>

#include "core/backend.h"
#include "core/backends/layouts.h"
#include "core/tensor.h"

namespace fanin {

/// Sizes of one convolution, in oneDNN's letters. Dilation D counts as in PyTorch: 1 is dense.
struct Conv2dGeometry {
  Dim N, G, IC, OC, IH, IW, OH, OW, KH, KW;
  Size2 stride, padding, dilation;
  bool operator==(const Conv2dGeometry&) const = default;
};

/// What is done to each element of the result before it is stored: + addend (where defined), then max(…, 0) if `relu`.
struct Conv2dTail {
  Tensor addend;
  bool into_addend = false;  // nobody else looks at the addend: its bytes may become the result's
  bool relu = false;
};

/// One way to compute a convolution. All directions are required: a backend that cannot train is not a backend.
/// A kernel allocates its result, in the layout it wants, and writes every element; it never sees autograd. Operands
/// come in any layout. Weights and bias, and their gradients, are plain. Where x is bf16, weights may be f32, which the
/// kernel rounds as it takes them, and the gradient of the weights is f32: sums over batch and positions, never rounded
/// on the way.
class Conv2dKernels final {
 public:
  using Supports = bool (*)(const Conv2dGeometry&, DType);
  using Gives = Layout (*)(const Conv2dGeometry&, DType);
  using Forward = Tensor (*)(const Conv2dGeometry&, const Tensor& x, const Tensor& weight, const Tensor& bias);
  using ForwardFused = Tensor (*)(const Conv2dGeometry&, const Tensor& x, const Tensor& weight, const Tensor& bias,
                                  const Conv2dTail& tail);
  using BackwardInput = Tensor (*)(const Conv2dGeometry&, const Tensor& dy, const Tensor& weight);
  using BackwardWeight = Tensor (*)(const Conv2dGeometry&, const Tensor& dy, const Tensor& x);

  constexpr Conv2dKernels(Backend which, Supports s, Gives l, Forward f, BackwardInput bi, BackwardWeight bw,
                          ForwardFused ff = nullptr)
      : backend(which), supports(s), gives(l), forward(f), backward_input(bi), backward_weight(bw), forward_fused(ff) {}

  Backend backend;
  Supports supports;
  Gives gives;  // the layout of what forward gives
  Forward forward;
  BackwardInput backward_input;
  BackwardWeight backward_weight;
  ForwardFused forward_fused;  // with a tail, in one pass; null: forward() and add_and_rectify()
};

inline Layout plain_layout(const Conv2dGeometry&, DType) { return Layout::plain(); }
/// Activations as oneDNN wants them.
inline Layout vector_layout(const Conv2dGeometry& g, DType dtype) {
  return onednn::preferred_layout(dtype, {g.N, g.OC, g.OH, g.OW});
}

namespace reference {
extern const Conv2dKernels conv2d;  // plain loops: the specification
}
namespace blas {
extern const Conv2dKernels conv2d;  // im2col + gemm; f32 and f64
}
namespace onednn {
extern const Conv2dKernels conv2d;  // f32 and bf16; writes blocked layouts
}
namespace simd {
extern const Conv2dKernels conv2d;    // own vector code for 3×3 in groups of 4 or 8 channels, f32 and bf16
extern const Conv2dKernels winograd;  // 3×3 at stride 1, up to 256 channels a group, f32 and bf16
}  // namespace simd

/// Fastest first; the last one accepts everything.
inline constexpr std::array conv2d_kernels{&simd::conv2d, &simd::winograd, &onednn::conv2d, &blas::conv2d,
                                           &reference::conv2d};

}  // namespace fanin
