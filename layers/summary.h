#pragma once

#include <string>

#include "layers/module.h"

namespace fanin {

/// The tree as a table, a line a module: its name, indented by depth, its type, the number of elements of its own
/// parameters, and what describe() says; then the sum of all, and how many of them want gradients. Parameters may be
/// unset.
std::string summary(Module& root);

}  // namespace fanin
