#pragma once

#include <string>

#include "core/tensor.h"

namespace fanin {

/// Reads a NumPy .npy file (f4, f8, i8, u1; little-endian, C order; versions 1 to 3). Throws FileError.
Tensor load_npy(const std::string& path);
/// Writes one (bf16 as f4), atomically.
void save_npy(const std::string& path, const Tensor& tensor);

}  // namespace fanin
