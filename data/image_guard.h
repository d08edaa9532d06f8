#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace fanin {

/// What keeps an image file from being handed to the decoder: "" if nothing, else the reason, in words that follow a
/// path and a colon.
///
/// Looks at the structure only. Refuses everything but JPEG, PNG and BMP by name; files that end early; PNG chunks
/// whose checksum is wrong; and what old versions of stb_image are known to stumble over, such as a Huffman table of
/// more than 256 codes (stb_image 2.27 writes past its own).
std::string image_problem(std::span<const std::byte> file);

}  // namespace fanin
