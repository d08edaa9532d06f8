#pragma once

#include <array>

#include "core/backend.h"
#include "core/tensor.h"

namespace fanin {

/// Sizes of one pooling, in oneDNN's letters. `PH`, `PW` pad before; after the image the windows may reach further, in
/// ceil mode by up to a stride.
struct Pool2dGeometry {
  Dim N, C, IH, IW, OH, OW, KH, KW;
  Size2 stride, padding;
  bool count_include_pad;
  bool operator==(const Pool2dGeometry&) const = default;
};

/// One way to pool. Operands come in any layout; a kernel allocates its results in the layout it wants.
struct Pool2dKernels {
  struct MaxResult {
    Tensor y, places;  // places: where each largest value stood; the kernel's own format
  };
  Backend backend;
  bool (*supports)(const Pool2dGeometry&, DType);
  MaxResult (*max_forward)(const Pool2dGeometry&, const Tensor& x);
  Tensor (*max_backward)(const Pool2dGeometry&, const Tensor& dy, const Tensor& places);
  Tensor (*avg_forward)(const Pool2dGeometry&, const Tensor& x);
  Tensor (*avg_backward)(const Pool2dGeometry&, const Tensor& dy);
};

namespace reference {
extern const Pool2dKernels pool2d;  // plain loops: the specification
}
namespace onednn {
extern const Pool2dKernels pool2d;  // f32 and bf16; writes blocked layouts
}

/// Fastest first; the last one accepts everything.
inline constexpr std::array pool2d_kernels{&onednn::pool2d, &reference::pool2d};

}  // namespace fanin
