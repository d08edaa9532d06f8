#pragma once

#include <vector>

#include "init/scheme.h"

namespace fanin {

// The shelf, in lists that scheme.cpp joins. A new scheme is one entry in one of them.

std::vector<Scheme> torch_schemes();       // fills, Xavier and Kaiming, PyTorch's constructor defaults
std::vector<Scheme> field_schemes();       // other distributions
std::vector<Scheme> structured_schemes();  // matrices and kernels with a structure
std::vector<Scheme> data_schemes();        // those that look at a batch

/// Without the white space around it.
std::string_view trimmed(std::string_view text);

/// For Scheme::refuses: fans need two dimensions.
std::string refuse_below_rank_2(const InitTarget& target, const SchemeArguments& arguments);

/// PyTorch's constructor of the target's layer type, if it has one for this parameter: for convolutions and Linear
/// U(±1/√fan_in) for weight and bias; for normalisation layers 1 and 0; for PReLU 0.25; for Embedding N(0, 1).
bool has_torch_default(const InitTarget& target);
Moments torch_default_moments(const InitTarget& target);
/// Draws it; with `keep` false the numbers are thrown away and the tensor is left alone.
void torch_default(const InitTarget& target, Generator& generator, bool keep);

}  // namespace fanin
