#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace fanin {

/// Named tensors, in order.
using StateDict = std::vector<std::pair<std::string, Tensor>>;

}  // namespace fanin
