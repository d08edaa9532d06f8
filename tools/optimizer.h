#pragma once

#include <memory>

#include "core/optim/optimizer.h"
#include "layers/module.h"
#include "tools/train_arguments.h"

namespace fanin {

/// The optimiser that complete() arguments ask for, over the parameters that require a gradient.
/// Throws Error if there is none.
std::unique_ptr<Optimizer> make_optimizer(const TrainArguments& arguments, Module& net);
/// Tensors it keeps beside each parameter.
int moments_kept(const TrainArguments& arguments);

}  // namespace fanin
