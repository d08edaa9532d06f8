#pragma once

#include <memory>

#include "data/dataset.h"
#include "init/data_dependent.h"

namespace fanin {

/// For initialisers that look at data: 128 training images (or all, if fewer) drawn by `seed`, normalised, without
/// augmentation. Loaded when first asked for; the same ones every time.
BatchSource init_batch(std::shared_ptr<const Dataset> train, const Normalisation& normalisation, std::uint64_t seed);

}  // namespace fanin
