#pragma once

#include "core/dtype.h"
#include "core/layout.h"
#include "core/shape.h"

namespace fanin::onednn {

/// The layout that oneDNN's convolutions are fastest in, measured (tools/bench/README.md): blocks of 16 with AVX-512,
/// of 8 with AVX2; channels-last for bf16 where AMX multiplies it. Activations flow through a network in it, so that
/// other kernels take it too.
Layout preferred_layout(DType dtype, const Shape& shape);

/// True if preferred_layout(dtype, …) is channels-last.
bool prefers_channels_last(DType dtype);

}  // namespace fanin::onednn
