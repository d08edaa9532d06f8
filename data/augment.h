#pragma once

#include <string>
#include <string_view>

#include "core/random.h"
#include "data/image.h"

namespace fanin {

/// Which random changes a training image goes through. The order is fixed: resized-crop or crop, flip, cutout on the
/// bytes, then normalisation, then jitter.
struct Augment {
  bool crop = false;          // pad by 4 pixels of every 32 with black, cut out the original size anywhere
  bool flip = false;          // mirror left to right, half of the time
  bool cutout = false;        // paint a square of half the image's side in the mean colour, anywhere
  bool jitter = false;        // brightness, contrast and saturation
  bool resized_crop = false;  // cut out 8 to 100 % of the area, sides 3:4 to 4:3, resize to the network's input

  /// A comma list of crop, flip, cutout, jitter, resized-crop; or none. Throws Error naming the unknown word.
  static Augment parse(std::string_view list);
  /// What parse() reads.
  std::string text() const;
  bool operator==(const Augment&) const = default;
};

/// Columns mirrored.
Image flip(const Image& image);
/// The window of `size` whose top left corner is (top, left); black where it leaves the image.
Image crop(const Image& image, Dim top, Dim left, Size2 size);
/// Bilinear with antialiasing: a triangle filter as wide as the reduction, each pass rounded to bytes, the same bytes
/// as Pillow's resize(BILINEAR). `size` at least 1×1.
Image resize(const Image& image, Size2 size);
/// Shorter side resized to fit `size`, then the centre cut out; unchanged if it has that size already. What evaluation
/// sees. Same rounding as torchvision's Resize and CenterCrop.
Image fit(const Image& image, Size2 size);
/// Paints the part of the square of `side` around (y, x) that lies inside the image, channel c in fill[c].
/// Source: DeVries and Taylor 2017 (arXiv:1708.04552).
void cutout(Image& image, Dim y, Dim x, Dim side, std::span<const std::uint8_t> fill);

/// The changes made to the bytes. The result has `size`: images of another size are resized first, or by resized_crop.
/// `fill` is the mean colour for cutout. Draws from `stream` only.
/// Source: resized-crop as in Szegedy et al. 2014 (arXiv:1409.4842), crop and flip as in He et al. 2015.
Image augment(const Image& image, const Augment& which, Size2 size, std::span<const std::uint8_t> fill, Stream& stream);

/// Brightness, contrast and saturation of a normalised image x [channels, pixels], in place, each with a strength b, k,
/// s drawn from ±0.2:
///   x + b;   then m + (1 + k)(x − m), m the mean of all x;   then, if there are 3 channels, g + (1 + s)(x − g), g the
///   mean over channels of each pixel.
void jitter(std::span<float> x, Dim channels, Stream& stream);

}  // namespace fanin
