#pragma once

#include <string>
#include <vector>

#include "data/loader.h"

namespace fanin {

/// What a look at every image of a data set finds.
struct Census {
  std::vector<Dim> per_class;         // images of each class
  Normalisation pixels;               // mean and standard deviation per channel, in units of 1, over all pixels
  Size2 smallest;                     // least height, least width
  Size2 largest;                      // greatest height, greatest width
  std::vector<std::string> problems;  // "path: reason" of every image that could not be decoded
};

/// Decodes every image once. An unreadable one is listed, not thrown.
Census census(const Dataset& data);

struct SheetOptions {
  Dim columns = 10;
  Dim rows = 0;  // 0: one for each class, at most 20
  Dim gap = 2;   // pixels between images
  Augment augment = {};
  std::uint64_t seed = 0;  // of the augmentation
};

/// The first images of each class side by side, a class in each row, and from the start again where there are more rows
/// than classes; as a network would see them, augmented where asked, brought back to bytes. For write_png().
Image contact_sheet(const Dataset& data, const SheetOptions& options = {});

}  // namespace fanin
