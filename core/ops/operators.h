#pragma once

#include <vector>

#include "core/ops/op_info.h"

namespace fanin {

/// The cards of all operators. A new operator adds one line to operators.cpp.
std::vector<OpInfo> operators();

}  // namespace fanin
