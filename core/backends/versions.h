#pragma once

#include <string>

namespace fanin {

/// What the libraries say of themselves, for reports: "2.6.3 (avx512_core_amx)", "OpenBLAS 0.3.21 … SkylakeX".
std::string onednn_version();
std::string openblas_version();

}  // namespace fanin
