#pragma once

#include "core/io/state_dict.h"

namespace fanin {

/// √Σ g² over the gradients of all parameters together, summed in double, in an order that does not depend on the
/// number of threads. Parameters without gradient do not count. NaN or infinite if a gradient is.
double gradient_norm(const StateDict& parameters);

/// min(1, max_norm / (norm + 1e-6)): the factor for Optimizer::step() that brings the norm down to max_norm.
/// Same as torch.nn.utils.clip_grad_norm_.
double clip_scale(double norm, double max_norm);

}  // namespace fanin
