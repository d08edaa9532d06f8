#pragma once

#include <memory>

#include "data/dataset.h"

namespace fanin {

/// The built-in data set: ten shapes (disc, ring, crescent, heart, triangle, square, star, cross, arrow, ell) drawn in
/// RGB at any place, size, angle and colour, brighter than a sloping background with strokes and specks, under noise.
/// All ten cover the same area and their colours are drawn alike, so that neither colour nor brightness nor place tells
/// the class: a linear classifier stays near the 10 % of chance, a small ResNeXt passes 95 % in a few epochs.
///
/// 8,000 training and 2,000 test images, classes in turn; validation by val_split. Image i of a split depends on
/// (split, i) and `side` alone, and is drawn when asked for.
std::shared_ptr<const Dataset> make_shapes(Split split, Dim side = 32);

}  // namespace fanin
