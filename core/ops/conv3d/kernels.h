#pragma once

#include <array>

#include "core/backend.h"
#include "core/ops/size3.h"
#include "core/tensor.h"

namespace fanin {

/// Sizes of one convolution: channels per group M = OC/G out and C = IC/G in, and the three axes of input, output and
/// kernel.
struct Conv3dGeometry {
  Dim N, G, M, C;
  Size3 in, out, kernel, stride, padding, dilation;

  Dim taps() const { return kernel.d * kernel.h * kernel.w; }
  Dim in_size() const { return in.d * in.h * in.w; }
  Dim out_size() const { return out.d * out.h * out.w; }
  Shape input_shape() const { return {N, G * C, in.d, in.h, in.w}; }
  Shape output_shape() const { return {N, G * M, out.d, out.h, out.w}; }
  Shape weight_shape() const { return {G * M, C, kernel.d, kernel.h, kernel.w}; }
};

/// One way to compute a 3-D convolution, all directions. Operands come plain; bias is in the dtype of computation or
/// undefined.
class Conv3dKernels final {
 public:
  using Supports = bool (*)(const Conv3dGeometry&, DType);
  using Forward = Tensor (*)(const Conv3dGeometry&, const Tensor& x, const Tensor& weight, const Tensor& bias);
  using BackwardInput = Tensor (*)(const Conv3dGeometry&, const Tensor& dy, const Tensor& weight);
  using BackwardWeight = Tensor (*)(const Conv3dGeometry&, const Tensor& dy, const Tensor& x);

  constexpr Conv3dKernels(Backend which, Supports s, Forward f, BackwardInput bi, BackwardWeight bw)
      : backend(which), supports(s), forward(f), backward_input(bi), backward_weight(bw) {}

  Backend backend;
  Supports supports;
  Forward forward;
  BackwardInput backward_input;
  BackwardWeight backward_weight;
};

namespace reference {
extern const Conv3dKernels conv3d;  // plain loops: the specification
}
namespace blas {
extern const Conv3dKernels conv3d;  // im2col + gemm, a slice of the output's depth at a time; f32 and f64
}

/// Fastest first; the last one accepts everything.
inline constexpr std::array conv3d_kernels{&blas::conv3d, &reference::conv3d};

}  // namespace fanin
