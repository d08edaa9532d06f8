#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/shape.h"

namespace fanin {

/// Pixels of one image, 0 … 255, channel after channel, each row by row from the top left: [channels, height, width].
struct Image {
  Dim channels = 0;
  Dim height = 0;
  Dim width = 0;
  std::vector<std::uint8_t> pixels;

  Image() = default;
  /// Every pixel `value`.
  Image(Dim channels, Dim height, Dim width, std::uint8_t value = 0);

  Size2 size() const { return {height, width}; }
  std::uint8_t* row(Dim channel, Dim y) { return pixels.data() + (channel * height + y) * width; }
  const std::uint8_t* row(Dim channel, Dim y) const { return pixels.data() + (channel * height + y) * width; }
  bool operator==(const Image&) const = default;
};

/// What the decoder takes. A file may come from anywhere: its header is checked against these before it is decoded.
inline constexpr Dim max_image_side = 16384;
inline constexpr Dim max_image_pixels = Dim{1} << 26;
inline constexpr std::size_t max_image_bytes = std::size_t{1} << 28;

/// Decodes a JPEG, PNG or BMP file held in memory. channels 3: RGB, grey ones repeated; 1: grey. Transparency is
/// dropped, 16-bit samples keep their high byte, EXIF orientation is not applied.
/// Throws FileError, naming `path`, for anything else, for damaged files and for images beyond the limits above.
Image decode_image(std::span<const std::byte> file, const std::string& path, Dim channels = 3);
/// The same from a file.
Image read_image(const std::string& path, Dim channels = 3);
/// From the header alone: size, and the channels of the pixels without transparency, 1 or 3.
struct ImageHeader {
  Size2 size;
  Dim channels = 0;
};
ImageHeader image_header(const std::string& path);
/// ".jpg" of "photos/A.JPG"; empty if there is none.
std::string lower_suffix(const std::string& path);
/// Whether the name ends in .jpg, .jpeg, .png or .bmp, in any case.
bool has_image_suffix(const std::string& path);

/// Writes an image of 1 or 3 channels as PNG; the file appears whole or not at all. Throws FileError.
void write_png(const std::string& path, const Image& image);

}  // namespace fanin
